package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// width is how many columns the report takes at most.
const width = 100

// report writes the story down.
type report struct {
	mu     sync.Mutex
	out    io.Writer
	ascii  bool
	colour bool
	live   bool
	began  time.Time
	drawn  bool // A line of progress is on the screen.

	drawnAt time.Time

	held, broken int
	fault        error // The first failure to write.
}

func newReport(o *Options) *report {
	return &report{out: o.Out, ascii: o.Plain, colour: o.Colour && !o.Plain, live: o.Live && !o.Plain, began: time.Now()}
}

// Colours of a terminal, by their numbers in ANSI's escape sequences.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (r *report) paint(colour, s string) string {
	if !r.colour || s == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// spell writes what the report uses beyond ASCII as ASCII, where it has to.
func (r *report) spell(s string) string {
	if !r.ascii {
		return s
	}
	return inASCII.Replace(s)
}

var inASCII = strings.NewReplacer("→", "->", "µ", "u", "·", "-", "…", "...", "✓ ", "ok", "✗ ", "NO", "─", "-", "│", "|",
	"┌", "+", "┬", "+", "┐", "+", "├", "+", "┼", "+", "┤", "+", "└", "+", "┴", "+", "┘", "+")

// line writes a line, over the progress if that is drawn.
func (r *report) line(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear()
	r.print(strings.TrimRight(s, " ") + "\n")
}

// print writes, with r.mu held. A report that cannot be written fails in the end.
func (r *report) print(s string) {
	if _, err := io.WriteString(r.out, s); err != nil && r.fault == nil {
		r.fault = fmt.Errorf("demo: write the report: %w", err)
	}
}

func (r *report) clear() {
	if r.drawn {
		r.print("\r\x1b[K")
		r.drawn = false
	}
}

func (r *report) title(name, subtitle string) {
	r.line("")
	r.line("  " + r.paint(bold, name) + "  " + r.spell(subtitle))
	r.line("")
}

func (r *report) chapter(title string) {
	r.line("")
	r.line("  " + r.paint(bold, r.spell(title)))
}

// plain writes what is neither a title nor a claim.
func (r *report) plain(format string, args ...any) {
	r.line("  " + r.paint(faint, r.spell(fmt.Sprintf(format, args...))))
}

// note says what is going on, under a chapter.
func (r *report) note(format string, args ...any) {
	for _, l := range wrap(r.spell(fmt.Sprintf(format, args...)), width-indent) {
		r.line(strings.Repeat(" ", indent) + r.paint(faint, l))
	}
}

// indent is where the text of a claim begins: behind its mark and time.
const indent = 15

// verify writes down a claim and whether it holds. Where it does not, want and
// got say what was expected and what was found.
func (r *report) verify(ok bool, claim, want, got string) {
	mark := r.paint(green, r.spell("✓ "))
	if !ok {
		mark = r.paint(red, r.spell("✗ "))
	}
	r.mu.Lock()
	if ok {
		r.held++
	} else {
		r.broken++
	}
	r.mu.Unlock()
	at := r.paint(faint, fmt.Sprintf("%6.1f s", time.Since(r.began).Seconds()))
	for i, l := range wrap(r.spell(claim), width-indent) {
		if i == 0 {
			r.line("  " + mark + " " + at + "  " + l)
			continue
		}
		r.line(strings.Repeat(" ", indent) + l)
	}
	if ok {
		return
	}
	for _, l := range append(wrap(r.spell("expected "+want), width-indent), wrap(r.spell("found "+got), width-indent)...) {
		r.line(strings.Repeat(" ", indent) + r.paint(yellow, l))
	}
}

// progress draws how much of something is done; see draw.
func (r *report) progress(done, all int64, unit string) {
	r.draw(float64(done)/float64(all), fmt.Sprintf("%s of %s %s", count(done), count(all), unit))
}

// elapsed draws how much of a time is over; see draw.
func (r *report) elapsed(since time.Time, of time.Duration) {
	past := min(time.Since(since), of)
	r.draw(past.Seconds()/of.Seconds(), fmt.Sprintf("%.1f of %.1f s", past.Seconds(), of.Seconds()))
}

const (
	barColumns = 30
	drawEvery  = 50 * time.Millisecond
)

// draw shows a share, between 0 and 1, as a bar with a text behind, in place;
// nothing where the report does not go to a terminal, or was drawn just now.
func (r *report) draw(share float64, text string) {
	if !r.live {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.drawnAt) < drawEvery {
		return
	}
	full := max(0, min(barColumns, int(share*barColumns)))
	bar := r.paint(cyan, strings.Repeat("━", full)) + r.paint(faint, strings.Repeat("╌", barColumns-full))
	r.print("\r" + strings.Repeat(" ", indent) + bar + " " + text + "\x1b[K")
	r.drawn, r.drawnAt = true, time.Now()
}

// verdict ends the report.
func (r *report) verdict() error {
	took := time.Since(r.began).Seconds()
	all := r.held + r.broken
	r.line("")
	if r.broken > 0 {
		r.line("  " + r.paint(red, fmt.Sprintf("%d of %d checks did not hold (%.1f s)", r.broken, all, took)))
		r.line("")
		return fmt.Errorf("demo: %d of %d checks did not hold", r.broken, all)
	}
	r.line("  " + r.paint(green, fmt.Sprintf("all %d checks held", all)) + r.paint(faint, fmt.Sprintf(" in %.1f s", took)))
	r.line("")
	return r.fault
}

// table writes rows under heads; all columns but the first are aligned to the
// right.
func (r *report) table(title string, heads []string, rows [][]string) {
	widths := make([]int, len(heads))
	for _, row := range append([][]string{heads}, rows...) {
		for i := range row {
			row[i] = r.spell(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	r.line("")
	r.line("  " + r.paint(bold, r.spell(title)))
	r.rule(widths, "┌", "┬", "┐")
	r.row(widths, heads, bold)
	r.rule(widths, "├", "┼", "┤")
	for _, cells := range rows {
		r.row(widths, cells, "")
	}
	r.rule(widths, "└", "┴", "┘")
}

func (r *report) rule(widths []int, left, middle, right string) {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = strings.Repeat("─", w+2)
	}
	r.line("  " + r.paint(faint, r.spell(left+strings.Join(parts, middle)+right)))
}

func (r *report) row(widths []int, cells []string, colour string) {
	bar := r.paint(faint, r.spell("│"))
	var b strings.Builder
	b.WriteString("  " + bar)
	for i, w := range widths {
		pad := strings.Repeat(" ", w-utf8.RuneCountInString(cells[i]))
		text := cells[i]
		if colour != "" {
			text = r.paint(colour, text)
		}
		if i == 0 {
			text += pad
		} else {
			text = pad + text
		}
		b.WriteString(" " + text + " " + bar)
	}
	r.line(b.String())
}

// wrap breaks s into lines of at most n columns; a longer word is cut.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		for utf8.RuneCountInString(word) > n {
			runes := []rune(word)
			lines = append(lines, strings.TrimSpace(line))
			line, word = string(runes[:n]), string(runes[n:])
		}
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// count writes a number with its thousands apart, as in 10,709.
func count[T int | int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// duration writes d in the unit that suits it, with about three digits.
func duration(d time.Duration) string {
	switch ms := float64(d) / 1e6; {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
