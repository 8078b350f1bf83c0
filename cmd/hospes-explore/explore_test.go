//go:build linux && amd64

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const guest = `
#include <unistd.h>
#include <sys/wait.h>
volatile unsigned long sink;
static unsigned long table[1024];
__attribute__((noinline)) void one(unsigned long n) { for (unsigned long i = 0; i < n; i++) table[i & 1023] += sink + i; }
__attribute__((noinline)) void three(unsigned long n) { for (unsigned long i = 0; i < 3 * n; i++) table[i & 1023] += sink + i; }
int main(int argc, char **argv)
{
	for (int i = 0; i < 300; i++) { one(2000000); three(2000000); getppid(); } // for seconds: regions are made in passing
	if (fork() == 0) { one(20000000); _exit(0); }
	wait(0);
	return 7;
}`

// evil is an argument of the guest that would be an element if it became markup.
const evil = "<img id=evil src=x onerror=alert(1)>"

// need skips the test if a program is missing, and returns where it is.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("needs %s", names[0])
	return ""
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// commands builds the commands in a directory, and returns names of files there.
func commands(t *testing.T) (in func(string) string) {
	t.Helper()
	dir := t.TempDir()
	in = func(name string) string { return filepath.Join(dir, name) }
	command(t, "go", "build", "-o", in("hospes"), "github.com/hospes-vm/hospes/cmd/hospes")
	command(t, "go", "build", "-o", in("hospes-explore"), ".")
	return in
}

// TestEnds: where there is nothing to look at, or nobody to, the command ends, and leaves nothing behind.
func TestEnds(t *testing.T) {
	gcc := need(t, "riscv64-linux-gnu-gcc")
	in := commands(t)
	source := "#include <unistd.h>\nint main(int argc, char **argv) { while (argc > 1) pause(); return 3; }"
	if err := os.WriteFile(in("wait.c"), []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	command(t, gcc, "-static", "-o", in("wait"), in("wait.c"))
	temp := t.TempDir()
	for _, c := range []struct {
		args   []string
		status int
		signal os.Signal
	}{
		{[]string{in("nowhere")}, 127, nil},
		{[]string{"--stay", "0s", in("wait")}, 3, nil},
		{[]string{in("wait"), "for", "ever"}, 128 + 15, syscall.SIGTERM},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, in("hospes"), append([]string{"explore"}, c.args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+temp)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if c.signal != nil {
			for found := []string(nil); found == nil && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
				found, _ = filepath.Glob(temp + "/*/*.json")
			}
			_ = cmd.Process.Signal(c.signal)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%v: status %d, want %d", c.args, got, c.status)
		}
		if left, _ := os.ReadDir(temp); len(left) > 0 {
			t.Errorf("%v: %v is left", c.args, left)
		}
		cancel()
	}
}

// explored starts an exploration, and returns the address of its page when the guest has ended.
func explored(t *testing.T, flags ...string) string {
	t.Helper()
	gcc := need(t, "riscv64-linux-gnu-gcc")
	in := commands(t)
	if err := os.WriteFile(in("guest.c"), []byte(guest), 0o666); err != nil {
		t.Fatal(err)
	}
	command(t, gcc, append(flags, "-O1", "-static", "-o", in("guest"), in("guest.c"))...)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	cmd := exec.CommandContext(ctx, in("hospes"), "explore", "--stay", "2m", "--mapping=offset", in("guest"), evil)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		cancel()
		if got := cmd.ProcessState.ExitCode(); got != 7 {
			t.Errorf("exit status %d, want the guest's", got)
		}
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	page := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		var data struct{ Running bool }
		if json.Unmarshal(get(t, page+"/data"), &data); !data.Running {
			return page
		}
	}
	t.Fatal("the guest does not end")
	return ""
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// browse opens the page, with a script of the test's own in it that returns a promise of v.
func browse(t *testing.T, page, script string, v any) {
	t.Helper()
	target, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = target.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path != "/" {
				return nil
			}
			b, err := io.ReadAll(r.Body)
			b = bytes.Replace(b, []byte("</head>"), []byte(`<script src="test.js"></script></head>`), 1)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			r.Header.Set("Content-Length", strconv.Itoa(len(b)))
			return err
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("/test.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `
			const errors = [], sleep = ms => new Promise(r => setTimeout(r, ms));
			addEventListener('error', e => errors.push(e.message));
			addEventListener('securitypolicyviolation', e => errors.push(e.violatedDirective));
			addEventListener('load', async () => {
				let value;
				for (let i = 0; i < 100 && !document.querySelector('#columns pre'); i++) await sleep(50);
				try { value = await (async () => {`+script+`})(); } catch (e) { errors.push(String(e)); }
				const pre = document.createElement('pre');
				pre.id = 'result';
				pre.textContent = JSON.stringify({ value, errors });
				document.body.replaceChildren(pre);
			});`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(t, "chromium", "chromium-browser", "google-chrome", "chrome"), "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=20000", "--dump-dom", server.URL)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	m := regexp.MustCompile(`(?s)<pre id="result">(.*?)</pre>`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%v; no result\n%s", err, out)
	}
	result := struct {
		Value  any
		Errors []string
	}{Value: v}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Errors) > 0 {
		t.Fatalf("errors of scripts: %s", strings.Join(result.Errors, "; "))
	}
}

// TestPage looks at what a browser shows of a guest, and clicks.
func TestPage(t *testing.T) {
	need(t, "chromium", "chromium-browser", "google-chrome", "chrome")
	page := explored(t)
	var got struct {
		Functions, Sorted      []string
		Selected, State        string
		Processes, Blocks      int
		Heat, Columns, Regions string
		Calls                  map[string]string
		Maps, Chart, Events    int
		Evil                   bool
		Names                  []string
		Other, Code            string
	}
	browse(t, page, `
		const rows = id => [...document.querySelectorAll('#' + id + ' tr.row, #' + id + ' tbody tr')];
		const first = id => rows(id).map(r => r.cells[0].textContent);
		const r = { Functions: first('functiontable').slice(0, 2), State: $('state').textContent };
		r.Selected = document.querySelector('#functiontable tr.on').cells[0].textContent;
		r.Processes = $('process').options.length;
		r.Names = [...$('process').options].map(o => o.textContent);
		r.Blocks = document.querySelectorAll('#graph .block').length;
		r.Heat = document.querySelector('#graph .block rect').getAttribute('fill');
		r.Columns = [...document.querySelectorAll('#columns pre')].map(p => p.textContent).join('\n=====\n');
		r.Regions = $('regions').getAttribute('href');
		r.Calls = Object.fromEntries(rows('calltable').map(x => [x.cells[0].textContent, x.cells[1].textContent]));
		r.Maps = rows('memorytable').length;
		r.Chart = document.querySelectorAll('#chart rect').length;
		r.Events = rows('eventtable').length;
		document.querySelector('#functiontable th').click();
		r.Sorted = first('functiontable').slice(0, 3);
		rows('functiontable').find(x => x.cells[0].textContent === 'one').click();
		r.Other = $('flowname').textContent;
		for (let i = 0; i < 100 && !$('codename').textContent.includes(' one'); i++) await sleep(50);
		r.Code = $('codename').textContent;
		r.Evil = !!document.getElementById('evil');
		return r;`, &got)
	if len(got.Functions) < 2 || got.Functions[0] != "three" || got.Functions[1] != "one" || got.Selected != "three" {
		t.Errorf("functions %q, selected %q", got.Functions, got.Selected)
	}
	if !strings.HasPrefix(got.State, "ended after") || got.Processes != 2 || !strings.Contains(got.Names[0], evil) || got.Evil {
		t.Errorf("state %q, %d processes %q, markup of the guest's: %v", got.State, got.Processes, got.Names, got.Evil)
	}
	for _, want := range []string{"three", "add", "= getx", "entry:", "body:"} {
		if !strings.Contains(got.Columns, want) {
			t.Errorf("the code lacks %q:\n%s", want, got.Columns)
		}
	}
	if got.Blocks == 0 || !strings.HasPrefix(got.Heat, "hsl") || got.Maps < 5 || got.Chart == 0 || got.Events == 0 {
		t.Errorf("something is not shown: %+v", got)
	}
	if got.Calls["getppid"] != "300" || got.Calls["wait4"] != "1" {
		t.Errorf("system calls: %v", got.Calls)
	}
	if len(got.Sorted) < 2 || got.Sorted[0] > got.Sorted[1] || got.Other != "Control flow of one" {
		t.Errorf("sorted %q, chosen %q", got.Sorted, got.Other)
	}
	if !strings.Contains(got.Code, " one") {
		t.Errorf("the code is %q, not of the function that was chosen", got.Code)
	}
	if regions := string(get(t, page+"/"+got.Regions)); !strings.Contains(regions, `class="region"`) || !strings.Contains(regions, "three") {
		t.Error("no page of regions")
	}
}

// TestStripped: functions without names have their translations.
func TestStripped(t *testing.T) {
	var data struct {
		Processes []struct {
			Data struct {
				Function, Block []struct{ Name, Function string }
			}
		}
	}
	if err := json.Unmarshal(get(t, explored(t, "-s")+"/data"), &data); err != nil {
		t.Fatal(err)
	}
	d := data.Processes[0].Data
	hottest := d.Function[0].Name
	for _, b := range d.Block {
		if b.Function == hottest {
			return
		}
	}
	t.Errorf("no translation of %s: %v", hottest, d.Block[:5])
}

// TestHost: a page from elsewhere, to whose name this machine answers, gets nothing; nor do names of other files.
func TestHost(t *testing.T) {
	s := &server{dir: t.TempDir(), host: "127.0.0.1:1234", snapshots: snapshots{good: map[string][]byte{}}}
	for _, c := range []struct {
		method, host, path string
		want               int
	}{
		{"GET", "127.0.0.1:1234", "/", 200},
		{"GET", "localhost:1234", "/data", 200},
		{"GET", "evil.example:1234", "/data", 403},
		{"GET", "127.0.0.1", "/data", 403},
		{"POST", "127.0.0.1:1234", "/data", 403},
		{"GET", "127.0.0.1:1234", "/code?process=../../etc/passwd&pc=1", 400},
		{"GET", "127.0.0.1:1234", "/regions?process=../x", 400},
		{"GET", "127.0.0.1:1234", "/code?process=1-2&pc=x", 400},
		{"GET", "127.0.0.1:1234", "/page.go", 404},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s of %s: %d, want %d", c.method, c.path, c.host, w.Code, c.want)
		}
	}
}
