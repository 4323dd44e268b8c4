// Package iprange knows the special ranges of IP addresses and how a service that calls addresses of other people's choice has to
// treat them: the public ones freely, the private ones on request, and the rest never.
package iprange
