//go:build linux && amd64

package view

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// browser is one that can be told to print a page after its scripts have run.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs chromium")
	return ""
}

var resultElement = regexp.MustCompile(`(?s)<pre id="result">(.*?)</pre>`)

// browse opens a page with a fragment in its address, and returns in v what the body of a function
// in JavaScript returns, which is executed there after the page's own scripts. Errors of scripts
// fail the test.
func browse(t *testing.T, page []byte, fragment, script string, v any) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	test := `<script>
		const errors = [];
		addEventListener('error', e => errors.push(e.message));
		addEventListener('load', () => {
			// What is on, by column: colours and texts; [ is a block, | what is beside a line.
			const text = e => /c(\d)/.exec(e.getAttribute('class'))[1] + (e.matches('.block') ? '[' : e.matches('i') ? '|' : e.textContent);
			const on = () => Object.fromEntries([...document.querySelectorAll('section')].map(s =>
				[s.dataset.column, [...s.querySelectorAll('.on')].map(text).join(' ')]));
			const column = name => document.querySelector('section[data-column="' + name + '"]');
			const one = (name, key) => column(name).querySelector(':not(.block)[data-k~="' + key + '"]');
			const click = e => e.dispatchEvent(new MouseEvent('click', { bubbles: true }));
			let value;
			try { value = (() => {` + script + `})(); } catch (e) { errors.push(String(e)); }
			const pre = document.createElement('pre');
			pre.id = 'result';
			pre.textContent = JSON.stringify({ value, errors });
			document.body.replaceChildren(pre);
		});
	</script>`
	page = bytes.Replace(page, []byte("<body>"), []byte("<body>"+test), 1)
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser(t), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1600,900",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+file+fragment)
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, 5*time.Second
	out, err := cmd.Output()
	m := resultElement.FindSubmatch(out)
	if m == nil {
		t.Fatalf("%v; no result\n%s\n%s", err, out, stderr.Bytes())
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

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestPageSelect: what the page's address names has its colour in all columns.
func TestPageSelect(t *testing.T) {
	var got map[string]string
	browse(t, pageOf(optimised(t, "sums+0x0", 1000)), "#0x10010,v4,b2", `return on()`, &got)
	ir := "1v4 1const 1v4 2b2 2[ 2b2 1v4 00x10010: addw a5,a5,t0 0| 0| 0| 2b2"
	same(t, "selected", map[string]string{
		"guest":   "2[ 2b2 0| 00x10010: addw a5,a5,t0",
		"blocks":  "2b2 0x10008×1,001",
		"form":    ir,
		"nothing": "",
		"drop":    ir,
		"lowered": "1v4 1const 1v4 2[ 2b2 00x10010: addw a5,a5,t0 0| 0| 0|",
		"homes":   "",
		"host":    "2[ 2b2 0| 0add r12d, r13d 0| 0movsxd r12, r12d",
	}, got)
}

// TestPageClick clicks, as a person would, values, variables, blocks and host code.
func TestPageClick(t *testing.T) {
	var got struct {
		Two, Back       map[string]string
		Address, Hidden string
		Opened, Host    string
		Hover, Gone     int
		None            map[string]string
	}
	browse(t, pageOf(optimised(t, "sums+0x0", 1000)), "", `
		const r = {};
		click(one('form', 'v18'));
		click(one('homes', 'n14'));
		r.two = on(), r.address = location.hash;
		click(one('lowered', 'v18'));
		r.back = on();
		r.hidden = String(column('nothing').querySelector('div').childElementCount);
		click(column('nothing').querySelector('h2'));
		r.opened = on().nothing;
		click(one('host', 'v23'));
		r.host = on().form;
		const over = (e, type) => e.dispatchEvent(new MouseEvent(type, { bubbles: true }));
		over(one('guest', 'g3'), 'mouseover'), r.hover = document.querySelectorAll('.hover').length;
		over(one('guest', 'g3'), 'mouseout'), r.gone = document.querySelectorAll('.hover').length;
		dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
		r.none = on();
		return r;
	`, &got)
	ir := "0v18 1a4 0v18 1a4 0v18 0add 0v18 1a4"
	same(t, "with two selected", map[string]string{
		"guest": "", "blocks": "", "form": ir, "nothing": "", "drop": ir,
		"lowered": "1a4 1a4 0v18 0add 0v18 1a4", "homes": "1a4", "host": "0add rdi, 0x8",
	}, got.Two)
	same(t, "the address", "#v18,n14", got.Address)
	ir = "1a4 1a4 1a4"
	same(t, "with one selected no longer", map[string]string{
		"guest": "", "blocks": "", "form": ir, "nothing": "", "drop": ir, "lowered": "1a4 1a4 1a4", "homes": "1a4", "host": "",
	}, got.Back)
	same(t, "children of a column that is not open", "0", got.Hidden)
	same(t, "a column that has been opened", ir, got.Opened)
	same(t, "with the value of host code", "1a4 1a4 0v23 0v23 0sext32 0v23 0v23 1a4 0v23", got.Host)
	if got.Hover < 10 || got.Gone != 0 {
		t.Errorf("under the mouse is what is found %d times, and when it has left %d times", got.Hover, got.Gone)
	}
	for column, on := range got.None {
		same(t, column+" after Esc", "", on)
	}
}

// TestPageGraph: each block is in the picture, inside of it, and no two are in one place.
func TestPageGraph(t *testing.T) {
	var got struct {
		Blocks, Outside, Overlaps int
		Ways                      map[string]int
	}
	browse(t, pageOf(optimised(t, "sums+0x0", 1000)), "", `
		const svg = document.querySelector('svg'), frame = svg.getBoundingClientRect();
		const boxes = [...svg.querySelectorAll('g rect')].map(e => e.getBoundingClientRect());
		const all = [...svg.querySelectorAll('rect, text, path:not(marker *)')].map(e => e.getBoundingClientRect());
		const ways = {};
		for (const p of svg.querySelectorAll('path:not(marker *)')) ways[p.getAttribute('class') || 'forth'] = (ways[p.getAttribute('class') || 'forth'] || 0) + 1;
		return {
			blocks: boxes.length, ways,
			outside: all.filter(b => b.left < frame.left || b.right > frame.right || b.top < frame.top || b.bottom > frame.bottom).length,
			overlaps: boxes.filter((a, n) => boxes.some((b, m) => m < n && a.top < b.bottom && b.top < a.bottom)).length,
		};
	`, &got)
	if got.Blocks != 7 || got.Outside != 0 || got.Overlaps != 0 {
		t.Errorf("%d blocks, %d things outside of the picture, %d blocks in the place of another", got.Blocks, got.Outside, got.Overlaps)
	}
	same(t, "ways", map[string]int{"forth": 7, "back": 2}, got.Ways)
}

// TestPageIndex: of several regions that is shown first which was executed most; a page that
// has been cut off shows what there is.
func TestPageIndex(t *testing.T) {
	var got struct {
		First, Second, Title, Address string
		Rows, Images                  int
	}
	page := pageOf(optimised(t, "cold+0x0", 10), optimised(t, "hot+0x8", 1000), optimised(t, hostile, 100), optimised(t, "last", 1))
	cut := page[:len(page)-100]
	browse(t, cut, "", `
		const h1 = document.querySelector('h1'), r = { first: h1.textContent };
		const rows = [...document.querySelectorAll('tbody tr')].slice(0, 3);
		click(rows[2]);
		r.second = h1.textContent, r.title = document.title, r.address = location.hash;
		r.rows = document.querySelectorAll('header tbody tr').length;
		r.images = document.querySelectorAll('img').length;
		return r;
	`, &got)
	name := strings.ToValidUTF8(hostile, "\ufffd")
	if got.First != "0x10000 hot+0x8" || got.Second != "0x10000 "+name {
		t.Errorf("shown are %q, and %q when chosen", got.First, got.Second)
	}
	if got.Rows != 3 || got.Images != 0 || got.Address != "#r2" || !strings.HasPrefix(got.Title, "hospes: </script>") {
		t.Errorf("%+v", got)
	}
	var third string
	browse(t, page, "#r3:v4", `return document.querySelector('h1').textContent + ' ' + on().form`, &third)
	same(t, "the region of the address", "0x10000 last 0v4 0const 0v4 0v4", third)
}
