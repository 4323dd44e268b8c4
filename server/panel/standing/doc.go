// Package standing says how webhooks stand: what the database and the couriers of this process know, and what that means in words.
package standing
