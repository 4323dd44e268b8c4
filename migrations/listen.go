package migrations

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	listenFirstDelay = 100 * time.Millisecond
	listenMaxDelay   = 5 * time.Second
	listenProbe      = 30 * time.Second // a silent connection is asked whether it still lives
)

// Listen calls notify with the payload of each NOTIFY on channel, and with "" after each connect and reconnect, when notifications may
// have been missed. It keeps a connection of its own, and connects again, with a growing delay, for as long as ctx lasts.
// It returns nil when ctx ends. Only one call of notify runs at a time. On SQLite, which has no other process to hear from, it just
// waits for ctx.
func (d *DB) Listen(ctx context.Context, channel string, notify func(payload string)) error {
	if !d.Postgres() {
		<-ctx.Done()
		return nil
	}
	for delay := listenFirstDelay; ; delay = min(2*delay, listenMaxDelay) {
		connected, lost := d.listenOnce(ctx, channel, notify)
		if connected {
			delay = listenFirstDelay
		}
		if ctx.Err() == nil {
			d.log.WarnContext(ctx, "listening interrupted", "channel", channel, "error", lost, "retry_in", delay)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// listenOnce returns when its connection is lost, and whether it had one.
func (d *DB) listenOnce(ctx context.Context, channel string, notify func(payload string)) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, d.pg.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, conn.Close(bye))
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return false, err
	}
	notify("")
	for {
		payload, err := nextNotification(ctx, conn)
		if err != nil {
			return true, err
		}
		if payload != nil {
			notify(*payload)
		}
	}
}

// nextNotification returns nil after a while of silence on a connection that still answers.
func nextNotification(ctx context.Context, conn *pgx.Conn) (*string, error) {
	wait, cancel := context.WithTimeout(ctx, listenProbe)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return &n.Payload, nil
	}
	if ctx.Err() != nil || wait.Err() == nil {
		return nil, err
	}
	probe, cancelProbe := context.WithTimeout(ctx, connectTimeout)
	defer cancelProbe()
	return nil, conn.Ping(probe)
}
