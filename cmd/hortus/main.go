// Command hortus is the whole product in one binary: a world for development, a
// demonstration, and a command line that uses only the public API.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Dev   devCommand   `cmd:"" help:"Start a world on this machine: any account in any Region, at once."`
	Serve serveCommand `cmd:"" help:"Run a node: the cells of a configuration, TLS, peers, and none but known access keys."`
	Cert  certCommand  `cmd:"" help:"Make certificates for rehearsals of serve."`
	Demo  demoCommand  `cmd:"" help:"Show one table in three accounts, from creation to a healed partition."`

	Region struct {
		Isolate isolateCommand `cmd:"" help:"Cut a Region off from all others."`
		Heal    healCommand    `cmd:"" help:"End the isolation of a Region."`
		Disable disableCommand `cmd:"" help:"Disable a Region in an account."`
		Enable  enableCommand  `cmd:"" help:"Enable a Region in an account again."`
	} `cmd:"" help:"Isolate and heal Regions, or disable one in an account."`
	Clock struct {
		Advance clockAdvanceCommand `cmd:"" help:"Move the clock of deadlines on, in all cells of the server."`
		Show    clockShowCommand    `cmd:"" help:"Show it."`
	} `cmd:"" help:"The clock that deadlines of hours and days are counted by."`
	Explain struct {
		Links explainLinksCommand `cmd:"" help:"Why links do not flow, and what would let them."`
		Join  explainJoinCommand  `cmd:"" help:"Why an account cannot join a global table, and what would let it."`
	} `cmd:"" help:"Say why replication does not work, and the statement that would allow it."`
	Link struct {
		Set  linkSetCommand  `cmd:"" help:"Set the conditions of the way from one Region to another."`
		Slow linkSlowCommand `cmd:"" help:"Give a link the real delay between its Regions, and little bandwidth."`
		WAN  linkWANCommand  `cmd:"" name:"wan" help:"Give the links between Regions the real delays."`
		List linkListCommand `cmd:"" help:"List isolated Regions and the conditions of links."`
	} `cmd:"" help:"Delay, lose, repeat or cut what goes between two Regions."`
	Table struct {
		Get tableGetCommand `cmd:"" help:"Show the settings that all replicas of a table have in common."`
		Set tableSetCommand `cmd:"" help:"Change one."`
	} `cmd:"" help:"Settings of tables that AWS does not have."`
	Replication struct {
		Status   statusCommand   `cmd:"" help:"Show every link of every global table."`
		Reattach reattachCommand `cmd:"" help:"Bring back a replica that was detached, with its data."`

		RemoveLost removeLostCommand `cmd:"" help:"Take replicas that will never return out of a global table."`
	} `cmd:"" help:"Look at replication, undo a detachment, give up a replica that is lost."`
	Conflicts  conflictsCommand `cmd:"" help:"List writes that were overwritten by one that had not seen them."`
	Divergence struct {
		Check  divergenceCheckCommand  `cmd:"" help:"Compare two replicas of a table."`
		Repair divergenceRepairCommand `cmd:"" help:"Compare them, and bring in step what differs."`
	} `cmd:"" help:"Find what two replicas hold differently, and repair it."`
	Bench   benchCommand   `cmd:"" help:"Put load on a server of DynamoDB's protocol, and measure it."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run runs a command line and returns its exit code. Without a command it prints
// which there are.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c commands
	parser := kong.Must(&c,
		kong.Name("hortus"),
		kong.Description("A database that speaks DynamoDB's protocol and replicates tables across accounts and Regions."),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	k, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	if err := k.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "hortus: %v\n", err)
		return 1
	}
	return 0
}
