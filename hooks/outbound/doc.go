// Package outbound makes the requests of one webhook and sends them: what a delivery is as long as nobody asks when and in which
// order.
package outbound
