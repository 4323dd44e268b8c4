// Package sender makes one HTTP request to an endpoint nobody trusts and says exactly what came of it.
//
// A [Client] belongs to one webhook: its connections, and therefore its capacity, are shared with nobody.
// [Client.Send] makes one attempt and never fails: refusal, timeout, reset, a broken certificate or an answer that
// is not HTTP are all told in the returned [Attempt]. A request is never repeated, never redirected, never sent
// through a proxy, and never takes longer than its timeout.
//
// net/http writes the requests and reads the answers; connections, limits and deadlines are kept here. Only HTTP/1.1 is spoken: TLS offers
// nothing else, and an endpoint that knows only HTTP/2 is told apart.
//
// A [Guard] checks every address at the moment it is dialled, so a name that resolves to a private address is
// refused as surely as the address itself. [Sign] adds the signature headers, and [Policy] says when to try again.
//
// The package is the only one with outbound HTTP. It keeps no state beyond idle connections, which end after 4 s, writes no log and
// reads no clock but the one that measures its own attempts.
package sender
