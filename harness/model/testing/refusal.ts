// Decides how a test gets hold of a declaration's error.
import { DeclarationError } from "../errors.ts";

/** The `DeclarationError` that `declare` throws. Throws what else it throws, and when it is accepted. */
export function refusal(declare: () => unknown): DeclarationError {
  try {
    declare();
  } catch (error) {
    if (error instanceof DeclarationError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
