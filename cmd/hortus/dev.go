package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

type devCommand struct {
	Port        int    `default:"8000" help:"The port to listen on; 0 chooses a free one."`
	Host        string `default:"127.0.0.1" help:"The address to listen on."`
	Data        string `placeholder:"DIR" xor:"store" help:"Keep data in this directory."`
	Memory      bool   `xor:"store" help:"Keep no data."`
	Durability  string `default:"sync" help:"sync: acknowledged means on disk. interval:10ms: acknowledged at once, on disk within the interval."`
	Cache       string `placeholder:"SIZE" help:"The cache of rows and blocks that the cells share, as in 512MiB; taken as it fills. Without it an eighth of the machine's memory, at most 4GiB."`
	Credentials string `placeholder:"FILE" help:"JSON list of {id, secret, account}: signatures of these keys are verified."`
	Auth        string `default:"open" help:"open: the caller is the root user of the account that its key names. strict: not built yet."`
	Region      string `default:"us-east-1" help:"The Region that the health answer names, as in eu-west-1."`
	Throttle    bool   `help:"Hold tables, indexes and partitions to their capacity, as AWS does."`
	Pace        string `default:"instant" help:"How long regional tables are CREATING and DELETING, and tables UPDATING: instant, aws, or a duration. Replicas join and go at their own."`
	Metrics     string `placeholder:"ADDRESS" help:"Show metrics to Prometheus on this address, as in 127.0.0.1:9100: GET /metrics."`
	Quiet       bool   `help:"Print only that the server listens."`
	Profile     string `placeholder:"FILE" hidden:"" help:"Write a CPU profile."`
}

// shutdownWithin is how long calls that run are waited for.
const shutdownWithin = 5 * time.Second

func (d *devCommand) Run(ctx context.Context) error {
	if err := d.check(); err != nil {
		return err
	}
	stopProfile, err := profile(d.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	credentials, err := readCredentials(d.Credentials)
	if err != nil {
		return err
	}
	interval, err := parseDurability(d.Durability)
	if err != nil {
		return err
	}
	pace, err := dynamodb.ParsePace(d.Pace)
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	cache, err := cacheSize(d.Cache)
	if err != nil {
		return err
	}
	if !d.Memory && d.Data == "" {
		if d.Data, err = defaultData(); err != nil {
			return err
		}
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
	if err != nil {
		return fmt.Errorf("cannot listen (is another server on this port? choose one with --port): %w", err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := cell.OpenNode(ctx, cell.NodeOptions{
		Dir: d.Data, Cache: cache, Interval: interval, Clock: clock.Wall{}, Rand: newRand(), Logger: logger,
		Throttle: d.Throttle, Pace: pace,
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	server := newServer(node, credentials, logger, d.Region)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	spareThreads()
	defer resting(ctx)()
	d.welcome(ln.Addr())
	hide, err := showMetrics(ctx, d.Metrics, node, nil)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
		}
		err = errors.Join(err, hide())
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer stop()
	return errors.Join(err, server.Shutdown(grace), node.Close())
}

func (d *devCommand) check() error {
	if err := aws.CheckRegion(aws.Region(d.Region)); err != nil {
		return fmt.Errorf("--region: %w", err)
	}
	if err := checkPort(strconv.Itoa(d.Port)); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if d.Metrics != "" {
		if err := checkAddress(d.Metrics); err != nil {
			return fmt.Errorf("--metrics: want an address and a port: %w", err)
		}
	}
	switch d.Auth {
	case "open":
		return nil
	case "strict":
		return errors.New("--auth strict (signatures and IAM for every caller) is not built yet; use --auth open, with --credentials FILE to verify the signatures of the keys that the file names")
	}
	return fmt.Errorf("--auth %s: want open or strict", d.Auth)
}

// newServer puts the way of a call together: wire, router, node.
func newServer(node *cell.Node, credentials []router.Credential, logger *slog.Logger, region string) *wire.Server {
	return wire.New(wire.Options{
		Handler: router.New(router.Options{Node: node, Clock: clock.Wall{}, Logger: logger, Credentials: credentials}),
		Region:  aws.Region(region),
		Logger:  logger,
		Rand:    newRand(),
	})
}

// newRand returns a source seeded by the system.
func newRand() *rand.Rand {
	var b [16]byte
	crand.Read(b[:]) // Never fails.
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])))
}

// parseDurability reads --durability; zero stands for sync.
func parseDurability(s string) (time.Duration, error) {
	if s == "sync" {
		return 0, nil
	}
	text, ok := strings.CutPrefix(s, "interval:")
	d, err := time.ParseDuration(text)
	if !ok || err != nil || d <= 0 || d > time.Minute {
		return 0, fmt.Errorf("--durability %s: want sync, or interval: and a time up to a minute, as in interval:10ms", s)
	}
	return d, nil
}

// readCredentials reads the file of --credentials.
func readCredentials(file string) ([]router.Credential, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--credentials: %w", err)
	}
	var out []router.Credential
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf(`--credentials %s: want a list as [{"id":"AKIDEXAMPLE","secret":"...","account":"111111111111"}]: %w`, file, err)
	}
	if err := checkCredentials(out); err != nil {
		return nil, fmt.Errorf("--credentials %s: %w", file, err)
	}
	return out, nil
}

func checkCredentials(list []router.Credential) error {
	first := map[string]int{}
	for i, c := range list {
		if c.ID == "" || c.Secret == "" || !c.Account.Valid() {
			return fmt.Errorf("entry %d: an entry has an id, a secret and an account of twelve digits", i+1)
		}
		if j := first[c.ID]; j > 0 {
			return fmt.Errorf("entry %d: the id %s is that of entry %d already; an id names one secret and one account: leave one of them out, or give it another id", i+1, c.ID, j)
		}
		first[c.ID] = i + 1
	}
	return nil
}

// defaultData is the directory for a world that names none.
func defaultData() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory; name one with --data, or use --memory: %w", err)
	}
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "hortus", "dev"), nil
		}
		return filepath.Join(home, "AppData", "Local", "hortus", "dev"), nil
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "hortus", "dev"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "hortus", "dev"), nil
	}
	return filepath.Join(home, ".local", "share", "hortus", "dev"), nil
}

// welcome prints what to paste.
func (d *devCommand) welcome(addr net.Addr) {
	url := "http://" + addr.String()
	if d.Quiet {
		fmt.Println("hortus listens on", url)
		return
	}
	data := d.Data
	if d.Memory {
		data = "nowhere: it goes with this process (--memory)"
	}
	fmt.Printf(`hortus listens on %[1]s
  data      %[2]s
  who       the access key names the account (twelve digits), the Region comes with the call

  AWS CLI   AWS_ACCESS_KEY_ID=111111111111 AWS_SECRET_ACCESS_KEY=any \
            aws dynamodb list-tables --region us-east-1 --endpoint-url %[1]s

  Go SDK    staging := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: aws.String("%[1]s"),
                Credentials: credentials.NewStaticCredentialsProvider("111111111111", "any", "")})
            prod := dynamodb.New(dynamodb.Options{Region: "eu-west-1", BaseEndpoint: aws.String("%[1]s"),
                Credentials: credentials.NewStaticCredentialsProvider("222222222222", "any", "")})

  also      hortus demo, hortus replication status, hortus region isolate eu-west-1
`, url, data)
}
