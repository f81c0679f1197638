package clock

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                   "0 seconds",
		3 * time.Microsecond:                "less than a millisecond",
		time.Millisecond:                    "1 millisecond",
		500 * time.Millisecond:              "500 milliseconds",
		time.Second:                         "1 second",
		1050 * time.Millisecond:             "1 second",
		3480 * time.Millisecond:             "3.4 seconds",
		15 * time.Second:                    "15 seconds",
		time.Minute:                         "1 minute",
		65*time.Second + time.Millisecond:   "1 minute and 5 seconds",
		2 * time.Minute:                     "2 minutes",
		time.Hour + time.Second:             "1 hour",
		20 * time.Hour:                      "20 hours",
		47*time.Hour + time.Minute:          "47 hours and 1 minute",
		7 * 24 * time.Hour:                  "7 days",
		49*time.Hour + 59*time.Minute:       "2 days and 1 hour",
		-90 * time.Second:                   "minus 1 minute and 30 seconds",
		10 * 365 * 24 * time.Hour:           "3650 days",
		time.Minute - time.Millisecond:      "59.9 seconds",
		2*24*time.Hour - time.Millisecond:   "47 hours and 59 minutes",
		time.Hour - 500*time.Millisecond:    "59 minutes and 59 seconds",
		time.Second - time.Microsecond:      "999 milliseconds",
		10*time.Second + time.Second/10 - 1: "10 seconds",
	} {
		if got := Words(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
