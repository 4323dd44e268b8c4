// Dochook keeps scraped records as documents and tells other systems by HTTP
// what changed. See README.md, or run: dochook --help.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"dochook/server/cli"
	"dochook/server/cli/again"
	"dochook/server/cli/backup"
	"dochook/server/cli/completion"
	"dochook/server/cli/doctor"
	"dochook/server/cli/watch"
)

// grammar is the command line.
type grammar struct {
	cli.Globals

	Serve       cli.Serve             `cmd:"" default:"withargs" help:"Run the service (the default)."`
	Demo        cli.Demo              `cmd:"" help:"Show everything on real data, in a temporary folder."`
	Import      cli.Import            `cmd:"" help:"Feed files of records into a DocType."`
	Jobs        cli.Jobs              `cmd:"" help:"Look at scrape jobs, and decide on what they hold back."`
	Replay      again.Replay          `cmd:"" help:"Send a webhook again what it was told before."`
	Backfill    again.Backfill        `cmd:"" help:"Send a webhook all live documents of its DocType."`
	Replays     again.Replays         `cmd:"" help:"Look at replays and backfills, and end them."`
	Deliveries  cli.Deliveries        `cmd:"" help:"Look at what was sent to webhooks, and send it again."`
	Tail        watch.Tail            `cmd:"" help:"Show events and attempts as they happen."`
	Fixtures    cli.Fixtures          `cmd:"" help:"Definitions as files, and scenarios."`
	Migrate     cli.Migrate           `cmd:"" help:"Bring the database's schema up or down."`
	Backup      backup.Backup         `cmd:"" help:"Copy a SQLite database, also while it is in use."`
	Restore     backup.Restore        `cmd:"" help:"Put a backup in the place of a SQLite database that is not in use."`
	Keys        cli.Keys              `cmd:"" help:"Make, list and revoke API keys."`
	Doctor      doctor.Doctor         `cmd:"" help:"Look at settings, database, disk, clock and endpoints, and say what to do."`
	Healthcheck doctor.Healthcheck    `cmd:"" help:"Ask a running service whether it is ready; the exit code says it."`
	Config      cli.Config            `cmd:"" help:"Print the settings, secrets masked."`
	Completion  completion.Completion `cmd:"" help:"Print the script by which a shell completes this command line."`
	Version     cli.Version           `cmd:"" help:"Print version and build."`
}

func main() {
	os.Exit(run(os.Args[1:], &cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// run does what the arguments say and returns the exit code: 0 done, 1 failed,
// 2 wrong use.
func run(args []string, streams *cli.Streams) int {
	var line grammar
	parser, err := kong.New(&line, kong.Name("dochook"),
		kong.Description("Scraped records become documents, changes become events, events become mapped HTTP requests."),
		kong.Writers(streams.Out, streams.Err), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return cli.Report(streams.Err, err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		_, _ = io.WriteString(streams.Err, "dochook: "+err.Error()+"\nhint: dochook --help lists the verbs, dochook VERB --help its flags\n")
		return cli.ExitUsage
	}
	ctx, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer forget()
	context.AfterFunc(ctx, forget) // the first signal asks, the second one kills
	parsed.BindTo(ctx, (*context.Context)(nil))
	return cli.Report(streams.Err, parsed.Run(streams, &line.Globals))
}
