# A small Celery application: `add` gives a sum, `sink` fails, `sleep` takes its time, `beat` is what the beat sends each second.
import os
import time

from celery import Celery
from kombu import Exchange, Queue

app = Celery("zoo", broker=os.environ["BROKER"], backend=os.environ.get("RESULTS"))
zoo = Exchange("zoo")
app.conf.update(
    task_default_exchange="zoo",
    task_default_queue="animals",
    task_default_routing_key="animals",
    task_queues=[Queue("animals", zoo, routing_key="animals")],
    beat_schedule={"each second": {"task": "zoo.beat", "schedule": 1.0}},
)


@app.task(name="zoo.add")
def add(a, b):
    return a + b


@app.task(name="zoo.sink")
def sink():
    raise ValueError("the ark has a leak")


@app.task(name="zoo.sleep")
def sleep(seconds):
    time.sleep(seconds)


@app.task(name="zoo.beat")
def beat():
    pass
