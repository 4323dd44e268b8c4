package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dochook/hooks/ledger"
	"dochook/migrations"
)

// Clocks that differ more than this are told of. Receivers of Standard Webhooks refuse what is off by more than five minutes.
const (
	skewWarn = 2 * time.Second
	skewFail = 5 * time.Minute
)

// looked looks at the database itself; usable says that its tables can be read.
func looked(ctx context.Context, db *migrations.DB, noMigrate bool) (found []Finding, usable bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	version, size := "SELECT 'SQLite ' || sqlite_version()", "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if db.Postgres() {
		version, size = "SELECT 'PostgreSQL ' || current_setting('server_version')", "SELECT pg_database_size(current_database())"
	}
	var name string
	var bytes int64
	begin := time.Now()
	if err := db.Read.QueryRowContext(ctx, version).Scan(&name); err != nil {
		return []Finding{fail("database", "see the database's own log", "it does not answer: %s", told(err))}, false
	}
	took := time.Since(begin)
	if err := db.Read.QueryRowContext(ctx, size).Scan(&bytes); err != nil {
		return []Finding{fail("database", "see the database's own log", "it does not tell its size: %s", told(err))}, false
	}
	found = append(found, ok("database", "%s, %s, %s, answers in %s", db.Redacted(), name, inBytes(uint64(max(bytes, 0))), took.Round(10*time.Microsecond)))
	if db.Postgres() {
		found = append(found, databaseClock(ctx, db))
	}
	if err := migrations.Check(ctx, db); err != nil {
		older := Finding{Check: "schema", Status: Warn, Message: told(err), Fix: "dochook serve brings it up to date when it starts; or run: dochook migrate up"}
		if own, known := errors.AsType[*migrations.Error](err); !known || own.Code() != migrations.CodeSchemaOlder || noMigrate {
			older.Status = Fail
		}
		return append(found, older), false
	}
	found = append(found, ok("schema", "it is the one of this program"))
	// What it deletes is nothing, and it needs all that writing takes.
	if _, err := db.Write.ExecContext(ctx, "DELETE FROM idempotency WHERE 1 = 0"); err != nil {
		return append(found, fail("writable", "check who may write, that the disk is not full or read-only, and that this is no standby", "%s", told(err))), true
	}
	return append(found, ok("writable", "it takes writes")), true
}

func databaseClock(ctx context.Context, db *migrations.DB) Finding {
	var us int64
	begin := time.Now()
	if err := db.Read.QueryRowContext(ctx, "SELECT "+db.NowMicros()).Scan(&us); err != nil {
		return fail("database clock", "see the database's own log", "%s", told(err))
	}
	middle := begin.Add(time.Since(begin) / 2)
	return skew("database clock", "the database", time.UnixMicro(us).Sub(middle), skewWarn)
}

// skew judges how far another clock is ahead of ours.
func skew(check, whose string, ahead, tolerated time.Duration) Finding {
	const fix = "let both machines take their time from NTP: what is due goes by the database's clock, and receivers refuse timestamps that are off"
	word := "ahead of"
	if ahead < 0 {
		word, ahead = "behind", -ahead
	}
	switch {
	case ahead > skewFail:
		return fail(check, fix, "the clock of %s is %s %s this machine's", whose, ahead.Round(time.Second), word)
	case ahead > tolerated:
		return warn(check, fix, "the clock of %s is %s %s this machine's", whose, ahead.Round(time.Millisecond), word)
	}
	return ok(check, "it agrees with this machine's")
}

// sealed looks whether secrets stand in the database as they are.
func sealed(ctx context.Context, db *migrations.DB, key bool) []Finding {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var plain, all int64
	err := db.Read.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(CASE WHEN secret LIKE 'sealed:%' THEN 0 ELSE 1 END), 0) FROM webhooks WHERE secret <> ''").Scan(&all, &plain)
	switch {
	case err != nil:
		return []Finding{fail("secrets", "see the database's own log", "%s", told(err))}
	case plain > 0 && !key:
		return []Finding{warn("secrets", "set DOCHOOK_MASTER_KEY, such as openssl rand -base64 32 makes one; the next start encrypts them", "%d secrets of webhooks stand in the database unencrypted", plain)}
	case plain > 0:
		return []Finding{warn("secrets", "start the service: it encrypts them", "%d secrets of webhooks are not encrypted yet", plain)}
	case all > plain && !key:
		return []Finding{fail("secrets", "set the DOCHOOK_MASTER_KEY that they were encrypted with: the service does not start without it", "%d secrets of webhooks are encrypted, and there is no master key", all)}
	}
	return []Finding{ok("secrets", "%d of webhooks, none unencrypted", all)}
}

// late is how long an event may wait before it is told of: longer than any attempt and take-over.
const late = 5 * time.Minute

// waiting looks at what has not been delivered yet.
func waiting(ctx context.Context, db *migrations.DB, store *ledger.Store) []Finding {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	lags, err := store.Lags(ctx)
	if err != nil {
		return []Finding{fail("backlog", "see the database's own log", "%s", told(err))}
	}
	now, err := db.Clock(ctx)
	if err != nil {
		return []Finding{fail("backlog", "see the database's own log", "%s", told(err))}
	}
	var found []Finding
	var retries int64
	for _, l := range lags {
		retries += l.Retries
		if since := now.Sub(time.UnixMicro(l.OldestAt)); l.OldestAt > 0 && since > late {
			found = append(found, warn("backlog", "is the service running, and the webhook enabled? dochook deliveries list --status retrying shows what its endpoint answers",
				"%s: about %d events wait, the first for %s", l.Walker, l.Events, since.Round(time.Second)))
		}
	}
	if found == nil {
		found = append(found, ok("backlog", "%d cursors in the log, none is late; %d deliveries wait to be tried again", len(lags), retries))
	}
	return found
}

// Free space that is told of.
const (
	roomWarn = 1 << 30
	roomFail = 64 << 20
)

// disk looks at the room beside a file of so many bytes.
func disk(folder string, size int64) []Finding {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return []Finding{fail("disk", "make the folder, for the user who runs the service", "there is no folder %s", folder)}
	}
	free, total, known := room(folder)
	wanted := max(uint64(roomWarn), uint64(max(size, 0)))
	switch {
	case !known:
		return []Finding{skip("disk", "this system does not tell how much room is left")}
	case free < roomFail:
		return []Finding{fail("disk", "make room: without any the service refuses writes", "%s of %s are free at %s", inBytes(free), inBytes(total), folder)}
	case free < wanted:
		return []Finding{warn("disk", "make room: for the journal, and for a backup beside the database", "%s of %s are free at %s", inBytes(free), inBytes(total), folder)}
	}
	return []Finding{ok("disk", "%s of %s are free at %s", inBytes(free), inBytes(total), folder)}
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func inBytes(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for ; value >= unit && prefix < 4; prefix++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[prefix])
}
