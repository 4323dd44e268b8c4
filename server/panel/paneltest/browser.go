package paneltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// BrowserOptions say how a page is looked at; the zero value is a wide, light
// screen with JavaScript.
type BrowserOptions struct {
	Dark     bool
	Phone    bool // 390×844
	NoScript bool
}

// String names the options.
func (o BrowserOptions) String() string {
	words := []string{"wide", "light", "script"}
	if o.Phone {
		words[0] = "phone"
	}
	if o.Dark {
		words[1] = "dark"
	}
	if o.NoScript {
		words[2] = "noscript"
	}
	return strings.Join(words, "-")
}

// Looks are the ways to look at a page that each journey is tested in: each colour, width and script at least once, and all of their
// combinations with DOCHOOK_LOOKS=all.
func Looks() []BrowserOptions {
	if os.Getenv("DOCHOOK_LOOKS") != "all" {
		return []BrowserOptions{{}, {Dark: true, Phone: true}, {NoScript: true}}
	}
	var out []BrowserOptions
	for i := range 8 {
		out = append(out, BrowserOptions{Dark: i&1 > 0, Phone: i&2 > 0, NoScript: i&4 > 0})
	}
	return out
}

// Browser is a window of a browser of its own, without a screen. What the console
// says of errors, scripts that fail and violations of the content security policy
// fail the test at its end.
type Browser struct {
	site *Site
	ctx  context.Context //nolint:containedctx // chromedp keeps the window in it

	mu       sync.Mutex
	problems []string
}

const browserTime = 5 * time.Minute

// Browser opens a window; it closes with the test.
func (s *Site) Browser(tb testing.TB, o BrowserOptions) *Browser {
	tb.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(findBrowser(tb)),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), browserTime)
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	ctx, closeWindow := chromedp.NewContext(ctx)
	b := &Browser{site: s, ctx: ctx}
	tb.Cleanup(func() {
		closeWindow()
		end()
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			tb.Errorf("in the browser: %s", p)
		}
	})
	if err := chromedp.Do(ctx); err != nil { // its life must not hang on the time of an action
		tb.Fatalf("start the browser: %v", err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		tb.Fatalf("listen to the browser: %v", err)
	}
	width, height, mobile, scheme := int64(1280), int64(900), false, "light"
	if o.Phone {
		width, height, mobile = 390, 844, true
	}
	if o.Dark {
		scheme = "dark"
	}
	send(tb, b, log.Enable, cdp.Empty{})
	send(tb, b, runtime.Enable, cdp.Empty{})
	send(tb, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: mobile})
	send(tb, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	send(tb, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: o.NoScript})
	return b
}

func send[P, R any](tb testing.TB, b *Browser, command cdp.Command[P, R], p P) {
	tb.Helper()
	if _, err := chromedp.Call(b.ctx, command, p); err != nil {
		tb.Fatalf("browser: %s: %v", command.Method, err)
	}
}

func findBrowser(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if slices.Contains(strings.Split(os.Getenv("DOCHOOK_REQUIRE"), ","), "chromium") {
		tb.Fatal("chromium is required (DOCHOOK_REQUIRE), and there is none in PATH")
	}
	tb.Skip("NOT TESTED IN A BROWSER: there is no Chromium in PATH")
	return ""
}

// listen keeps what the browser complains of.
func (b *Browser) listen(event any) {
	var p string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p = "exception: " + e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			p += " " + thrown.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p = "console:"
			for _, arg := range e.Args {
				p += " " + arg.Description + string(arg.Value)
			}
		}
	case *log.EventEntryAdded:
		// That a page was answered with an error is what tests look at themselves.
		answered := e.Entry.Source == log.EntrySourceNetwork && !strings.Contains(e.Entry.URL, "/app/assets/")
		if e.Entry.Level == log.EntryLevelError && !answered {
			p = fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		p = "a dialog: " + e.Message
	}
	if p == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, p)
}

// Do does steps of chromedp, each within 30 s.
func (b *Browser) Do(tb testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	tb.Helper()
	for _, step := range steps {
		run(tb, b, step)
	}
}

const stepTime = 30 * time.Second

func run[T any](tb testing.TB, b *Browser, step chromedp.Action[T]) T {
	tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		tb.Fatalf("browser: %v", err)
	}
	return v
}

// Evaluate evaluates JavaScript, also where pages may run none.
func Evaluate[T any](tb testing.TB, b *Browser, expression string) T {
	tb.Helper()
	return run(tb, b, chromedp.Evaluate[T](expression))
}

// Go opens a path and returns the status of the answer.
func (b *Browser) Go(tb testing.TB, path string) int {
	tb.Helper()
	return b.load(tb, chromedp.Navigate(b.site.URL+path))
}

// Follow clicks what a CSS selector finds and waits for the page it leads to; it
// returns the status of the answer.
func (b *Browser) Follow(tb testing.TB, selector string) int {
	tb.Helper()
	return b.load(tb, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (b *Browser) load(tb testing.TB, action chromedp.Action[chromedp.Void]) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, action)
	if err != nil || answer == nil {
		tb.Fatalf("browser: %v at %s", err, b.Path(tb))
		return 0
	}
	return int(answer.Status)
}

// SignIn signs in with the key of that name, in the form.
func (b *Browser) SignIn(tb testing.TB, key string) {
	tb.Helper()
	b.Go(tb, "/app/login")
	b.Fill(tb, "#f-token", b.site.Tokens[key])
	if status := b.Follow(tb, "main button"); status != 200 || b.Path(tb) != "/app" {
		tb.Fatalf("sign in: %d at %s: %s", status, b.Path(tb), b.Text(tb, "main"))
	}
}

// Click clicks what a selector finds, where no page is loaded.
func (b *Browser) Click(tb testing.TB, selector string) {
	tb.Helper()
	b.Do(tb, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Fill types into the field that a selector finds, in place of what stands there.
func (b *Browser) Fill(tb testing.TB, selector, text string) {
	tb.Helper()
	b.Wait(tb, selector)
	b.set(tb, selector, "")
	b.Do(tb, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Type types into what has the focus.
func (b *Browser) Type(tb testing.TB, text string) {
	tb.Helper()
	b.Do(tb, chromedp.KeyEvent(text))
}

// Choose sets the value of a select.
func (b *Browser) Choose(tb testing.TB, selector, value string) {
	tb.Helper()
	b.Wait(tb, selector)
	b.set(tb, selector, value)
}

func (b *Browser) set(tb testing.TB, selector, value string) {
	tb.Helper()
	Evaluate[bool](tb, b, fmt.Sprintf(`((e) => { e.value = %q; for (const n of ['input', 'change']) e.dispatchEvent(new Event(n, { bubbles: true })); return true; })(document.querySelector(%q))`, value, selector))
}

// Text is the visible text of what a selector finds; it waits until there is one.
func (b *Browser) Text(tb testing.TB, selector string) string {
	tb.Helper()
	return run(tb, b, chromedp.Text(chromedp.CSS(selector)))
}

// Wait waits until a selector finds something visible.
func (b *Browser) Wait(tb testing.TB, selector string) {
	tb.Helper()
	b.Do(tb, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Count is how many elements a selector finds now.
func (b *Browser) Count(tb testing.TB, selector string) int {
	tb.Helper()
	return Evaluate[int](tb, b, fmt.Sprintf("document.querySelectorAll(%q).length", selector))
}

// Path is that of the page shown, with its query.
func (b *Browser) Path(tb testing.TB) string {
	tb.Helper()
	return Evaluate[string](tb, b, "location.pathname + location.search")
}

// Screenshot writes the whole page as PNG into a file of the folder named by
// DOCHOOK_SCREENSHOTS, if that is set: for people to look at.
func (b *Browser) Screenshot(tb testing.TB, name string) {
	tb.Helper()
	dir := os.Getenv("DOCHOOK_SCREENSHOTS")
	if dir == "" {
		return
	}
	png := run(tb, b, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(name+".png")), png, 0o600); err != nil { //nolint:gosec // where the developer said
		tb.Fatal(err)
	}
}
