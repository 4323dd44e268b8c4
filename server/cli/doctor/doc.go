// Package doctor holds the verbs that tell how a service is: doctor, which looks at all that one needs before somebody misses it, and
// healthcheck, which asks one whether it is ready, for those who start and stop it.
package doctor
