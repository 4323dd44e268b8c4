// Package manual is what people do by hand with a webhook: see what it would send, try it, send a delivery once more.
package manual
