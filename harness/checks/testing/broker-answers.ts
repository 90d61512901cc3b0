// Decides nothing: what brokers and workers answered, recorded from Broker-J 9.2.1, RabbitMQ 3.10.8 and Celery 5.2.6. Fields that nobody reads are
// left out of the lists.
export const brokerJ = {
  queues: [
    {
      name: "celery",
      type: "standard",
      state: "ACTIVE",
      durable: true,
      lifetimePolicy: "PERMANENT",
      exclusive: "NONE",
      statistics: {
        availableMessages: 6,
        consumerCount: 0,
        queueDepthMessages: 6,
      },
    },
    {
      name: "celeryev.1",
      type: "standard",
      state: "ACTIVE",
      durable: false,
      lifetimePolicy: "DELETE_ON_NO_OUTBOUND_LINKS",
      exclusive: "NONE",
      statistics: {
        availableMessages: 0,
        consumerCount: 1,
        queueDepthMessages: 0,
      },
    },
    {
      name: "mine",
      type: "standard",
      state: "ACTIVE",
      durable: false,
      lifetimePolicy: "DELETE_ON_CONNECTION_CLOSE",
      exclusive: "CONNECTION",
      statistics: {
        availableMessages: 0,
        consumerCount: 0,
        queueDepthMessages: 0,
      },
    },
    {
      name: "mine-auto",
      type: "standard",
      state: "ACTIVE",
      durable: false,
      lifetimePolicy: "DELETE_ON_NO_OUTBOUND_LINKS",
      exclusive: "CONNECTION",
      statistics: {
        availableMessages: 0,
        consumerCount: 0,
        queueDepthMessages: 0,
      },
    },
  ],
  exchanges: [
    {
      name: "pulp",
      type: "direct",
      durable: false,
      lifetimePolicy: "DELETE_ON_NO_LINKS",
      bindings: [
        {
          name: "work",
          type: "binding",
          arguments: {},
          bindingKey: "work",
          destination: "celery",
        },
      ],
      durableBindings: [],
    },
    {
      name: "amq.direct",
      type: "direct",
      durable: true,
      lifetimePolicy: "PERMANENT",
      bindings: [],
      durableBindings: [],
    },
  ],
} as const;

export const rabbit = {
  queues: [
    {
      name: "amq.gen-PRqe69CZfrv9J4Y7YCv7xQ",
      vhost: "/",
      durable: false,
      auto_delete: false,
      exclusive: true,
      messages: 0,
      messages_ready: 0,
      consumers: 1,
      state: "running",
    },
    {
      name: "animals",
      vhost: "/",
      durable: true,
      auto_delete: false,
      exclusive: false,
      messages: 1,
      messages_ready: 0,
      consumers: 1,
      state: "running",
    },
    {
      name: "celeryev.47b5d172-6fba-49c7-8cac-1f530eee3416",
      vhost: "/",
      durable: false,
      auto_delete: true,
      exclusive: false,
      messages: 0,
      messages_ready: 0,
      consumers: 1,
      state: "running",
    },
    {
      name: "keeper@zoo.celery.pidbox",
      vhost: "/",
      durable: false,
      auto_delete: true,
      exclusive: false,
      messages: 0,
      messages_ready: 0,
      consumers: 1,
      state: "running",
    },
  ],
  bindings: [
    {
      source: "",
      vhost: "/",
      destination: "amq.gen-PRqe69CZfrv9J4Y7YCv7xQ",
      destination_type: "queue",
      routing_key: "amq.gen-PRqe69CZfrv9J4Y7YCv7xQ",
    },
    {
      source: "",
      vhost: "/",
      destination: "animals",
      destination_type: "queue",
      routing_key: "animals",
    },
    {
      source: "",
      vhost: "/",
      destination: "celeryev.47b5d172-6fba-49c7-8cac-1f530eee3416",
      destination_type: "queue",
      routing_key: "celeryev.47b5d172-6fba-49c7-8cac-1f530eee3416",
    },
    {
      source: "",
      vhost: "/",
      destination: "keeper@zoo.celery.pidbox",
      destination_type: "queue",
      routing_key: "keeper@zoo.celery.pidbox",
    },
    {
      source: "celery.pidbox",
      vhost: "/",
      destination: "keeper@zoo.celery.pidbox",
      destination_type: "queue",
      routing_key: "",
    },
    {
      source: "celeryev",
      vhost: "/",
      destination: "amq.gen-PRqe69CZfrv9J4Y7YCv7xQ",
      destination_type: "queue",
      routing_key: "#",
    },
    {
      source: "celeryev",
      vhost: "/",
      destination: "celeryev.47b5d172-6fba-49c7-8cac-1f530eee3416",
      destination_type: "queue",
      routing_key: "worker.#",
    },
    {
      source: "reply.celery.pidbox",
      vhost: "/",
      destination: "amq.gen-PRqe69CZfrv9J4Y7YCv7xQ",
      destination_type: "queue",
      routing_key: "#",
    },
    {
      source: "zoo",
      vhost: "/",
      destination: "animals",
      destination_type: "queue",
      routing_key: "animals",
    },
  ],
} as const;

/** Bodies of events, as they came. */
export const events = {
  succeeded:
    '[{"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 31, "uuid": "9ae35462-7ee8-4d1d-8b9f-b0fb52c09262", "name": "zoo.add", "args": "[1,2]", "kwargs": "{}", "root_id": "9ae35462-7ee8-4d1d-8b9f-b0fb52c09262", "parent_id": null, "retries": 0, "eta": null, "expires": null, "timestamp": 1795338050.4409318, "type": "task-received"}, {"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 32, "uuid": "9ae35462-7ee8-4d1d-8b9f-b0fb52c09262", "timestamp": 1795338050.4410605, "type": "task-started"}, {"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 33, "uuid": "9ae35462-7ee8-4d1d-8b9f-b0fb52c09262", "result": "3", "runtime": 0.00012219399968671496, "timestamp": 1795338050.441238, "type": "task-succeeded"}]',
  failed:
    '[{"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 36, "uuid": "66d66892-a58e-42c1-9626-0afc23babaa7", "name": "zoo.sink", "args": "[]", "kwargs": "{}", "root_id": "66d66892-a58e-42c1-9626-0afc23babaa7", "parent_id": null, "retries": 0, "eta": null, "expires": null, "timestamp": 1795338050.4781358, "type": "task-received"}, {"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 37, "uuid": "66d66892-a58e-42c1-9626-0afc23babaa7", "timestamp": 1795338050.4782321, "type": "task-started"}, {"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 38, "uuid": "66d66892-a58e-42c1-9626-0afc23babaa7", "exception": "ExceptionWithTraceback()", "traceback": "Traceback (most recent call last):\\n  File \\"/usr/lib/python3/dist-packages/celery/app/trace.py\\", line 451, in trace_task\\n    R = retval = fun(*args, **kwargs)\\n                 ^^^^^^^^^^^^^^^^^^^^\\n  File \\"/usr/lib/python3/dist-packages/celery/app/trace.py\\", line 734, in __protected_call__\\n    return self.run(*args, **kwargs)\\n           ^^^^^^^^^^^^^^^^^^^^^^^^^\\n  File \\"/opt/zoo/zoo.py\\", line 26, in sink\\n    raise ValueError(\\"the ark has a leak\\")\\nValueError: the ark has a leak\\n", "timestamp": 1795338050.4802635, "type": "task-failed"}]',
  heartbeat:
    '{"hostname": "keeper@zoo", "utcoffset": 0, "pid": 78, "clock": 20, "freq": 2.0, "active": 0, "processed": 0, "loadavg": [4.61, 5.53, 5.21], "sw_ident": "py-celery", "sw_ver": "5.2.6", "sw_sys": "Linux", "timestamp": 1795338045.8490016, "type": "worker-heartbeat"}',
} as const;
