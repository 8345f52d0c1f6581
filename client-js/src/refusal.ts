/** Codes of errors that the matchmaker answers: ErrorCode.matchmaker and the number of the gRPC status. */
export enum Refusal {
  unknown = 302,
  deadlineExceeded = 304,
  notFound = 305,
  resourceExhausted = 308,
  unimplemented = 312,
  unavailable = 314,
}
