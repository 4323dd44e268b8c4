// Package openapitest holds what tests send and are answered to the service's own description, so that the two cannot drift apart.
//
// [Around] wraps the service's handler. Of each exchange that goes through it is checked that
//
//   - the operation is described, or the answer is an error that says so (404 or 405);
//   - a request that was not refused has the parameters, headers and body that are described, and no other parameters: what is refused may
//     be wrong on purpose;
//   - the answer has a described status, its headers, its Content-Type, and a body of its schema; NDJSON and server-sent events are checked
//     line by line;
//   - an unexpected status is no way out: errors have the one shape that all errors have.
//
// Left alone are what is below /app, which is not described, exchanges whose client has gone, and the content of bodies of more than
// 1 MiB. Schemas are compiled once in a process, at their first use.
package openapitest
