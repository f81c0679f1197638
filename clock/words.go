package clock

import (
	"strconv"
	"strings"
	"time"
)

// Words says how long a span is as a person would: "2 minutes", "20 hours", "1 minute
// and 5 seconds". It names the two greatest units at most and leaves out what is
// below them; under a minute there are tenths of seconds, and under a second
// milliseconds.
func Words(d time.Duration) string {
	switch {
	case d < 0:
		return "minus " + Words(-d)
	case d > 0 && d < time.Millisecond:
		return "less than a millisecond"
	case d > 0 && d < time.Second:
		return counted(int64(d/time.Millisecond), "millisecond")
	case d < time.Minute && d%time.Second >= time.Second/10:
		return strconv.FormatFloat(d.Truncate(time.Second/10).Seconds(), 'f', 1, 64) + " seconds"
	case d < time.Minute:
		return counted(int64(d/time.Second), "second")
	case d < time.Hour:
		return both(d, time.Minute, "minute", time.Second, "second")
	case d < 2*day:
		return both(d, time.Hour, "hour", time.Minute, "minute")
	}
	return both(d, day, "day", time.Hour, "hour")
}

const day = 24 * time.Hour

// both is d in a unit and a lesser one.
func both(d, unit time.Duration, name string, lesser time.Duration, lesserName string) string {
	parts := []string{counted(int64(d/unit), name)}
	if n := int64(d % unit / lesser); n > 0 {
		parts = append(parts, counted(n, lesserName))
	}
	return strings.Join(parts, " and ")
}

func counted(n int64, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
