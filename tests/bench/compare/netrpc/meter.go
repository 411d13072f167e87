package main

import (
	"encoding/json"
	"errors"
	"flag"
	"math/bits"
	"os"
	"syscall"
	"time"
)

type options struct {
	targets         []string
	clients, window int
	size            int
	oneConnection   bool
	seconds, warmUp float64
}

type list []string

func (l *list) String() string     { return "" }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func parse(arguments []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("compare-netrpc", flag.ExitOnError)
	flags.Var((*list)(&o.targets), "target", "where the servers are; may be given several times")
	flags.IntVar(&o.clients, "clients", 1, "connections")
	flags.IntVar(&o.window, "window", 1, "calls in flight of each")
	flags.IntVar(&o.size, "size", 0, "bytes to be echoed; 0: CountString")
	flags.BoolVar(&o.oneConnection, "one-connection", false, "that all clients share")
	flags.Float64Var(&o.seconds, "seconds", 2, "measured")
	flags.Float64Var(&o.warmUp, "warm-up", 0.5, "seconds before that")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if len(o.targets) == 0 {
		return o, errors.New("--target is missing")
	}
	return o, nil
}

// Buckets are 1/128 wide or less of their values, which are nanoseconds.
const (
	precisionBits = 8
	half          = 1 << (precisionBits - 1)
)

// meter is the clock and the count of one client.
type meter struct {
	from, end time.Time
	calls     uint64
	allCalls  uint64
	sum, max  uint64
	buckets   [half * (64 - precisionBits + 2)]uint64
}

func newMeter(o options) *meter {
	from := time.Now().Add(time.Duration(o.warmUp * float64(time.Second)))
	return &meter{from: from, end: from.Add(time.Duration(o.seconds * float64(time.Second)))}
}

// ended notes a call that was sent then; true: make the next one.
func (m *meter) ended(sent, now time.Time) bool {
	m.allCalls++
	if !now.Before(m.end) {
		return false
	}
	if !now.Before(m.from) {
		took := uint64(now.Sub(sent))
		m.calls++
		m.sum += took
		if took > m.max {
			m.max = took
		}
		m.buckets[bucketOf(took)]++
	}
	return true
}

func bucketOf(value uint64) int {
	shift := bits.Len64(value) - precisionBits
	if shift <= 0 {
		return int(value)
	}
	return shift*half + int(value>>shift)
}

func upperEnd(bucket int) uint64 {
	if bucket < 2*half {
		return uint64(bucket)
	}
	shift := bucket/half - 1
	return uint64(bucket-shift*half+1)<<shift - 1
}

func (m *meter) add(other *meter) {
	m.calls += other.calls
	m.allCalls += other.allCalls
	m.sum += other.sum
	if other.max > m.max {
		m.max = other.max
	}
	for i, n := range other.buckets {
		m.buckets[i] += n
	}
}

func (m *meter) quantile(q float64) float64 {
	rest := uint64(q*float64(m.calls) + 0.5)
	for i, n := range m.buckets {
		if n > 0 && n >= rest {
			return float64(upperEnd(i)) / 1000
		}
		rest -= n
	}
	return 0
}

// cpuSeconds is the user and system time of this process.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func report(o options, connectedAfter float64, meters []*meter) error {
	all := new(meter)
	for _, m := range meters {
		all.add(m)
	}
	mean := 0.0
	if all.calls > 0 {
		mean = float64(all.sum) / float64(all.calls) / 1000
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"calls": all.calls, "all_calls": all.allCalls, "calls_per_s": float64(all.calls) / o.seconds,
		"mean_us": mean, "p50_us": all.quantile(0.5), "p90_us": all.quantile(0.9), "p99_us": all.quantile(0.99),
		"p999_us": all.quantile(0.999), "max_us": float64(all.max) / 1000,
		"connected_after_cpu_s": connectedAfter,
	})
}
