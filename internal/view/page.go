//go:build linux && amd64

package view

import (
	_ "embed"
	"encoding/json"
	"io"
	"sync"

	"github.com/hospes-vm/hospes/internal/engine"
)

var (
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// Page writes an HTML page of regions: what each is made of, what it is like after each
// pass of the optimiser, and the host code that it becomes. A browser shows these side by side,
// and follows a value through all of them.
//
// The page is complete after each region: ends of elements that are missing are nothing that
// HTML requires. It refers to nothing outside of itself, and what comes from the guest is data
// in it, never markup. Errors of writing are ignored: the program should go on.
type Page struct {
	o Options

	mu   sync.Mutex // guards what follows
	w    io.Writer
	left int // bytes to come
}

// maxPage is about how many bytes of regions a page has: browsers show more of them, but
// take their time.
const maxPage = 16 << 20

// NewPage returns a page whose disassembly and register names are those of o. It writes
// the beginning, unless w goes on with a page that another process has begun. Each region is
// one call of Write.
func NewPage(w io.Writer, o Options, begun bool) *Page {
	if !begun {
		_, _ = io.WriteString(w, pageHead())
	}
	return &Page{o: o, w: w, left: maxPage}
}

// pageHead is the beginning of a page. The policy makes sure that no browser loads anything.
func pageHead() string {
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>hospes</title>
<style>
` + pageStyle + `</style>
<script>
` + pageScript + `</script>
</head>
<body>
<noscript>This page needs JavaScript.</noscript>
`
}

// Add adds a region, unless there are very many. It may be called by several threads at once.
func (p *Page) Add(opt *engine.Optimisation) {
	data, err := json.Marshal(newPageRegion(opt, p.o)) // which escapes <, > and &
	if err != nil {
		return // a page without it is better than none
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < 0 {
		return
	}
	b := append([]byte(`<script type="application/json" class="region">`), data...)
	b = append(b, "</script>\n"...)
	if p.left -= len(b); p.left < 0 {
		b = []byte(`<noscript class="more">There are more regions than this page has: choose some by --dfilter.</noscript>` + "\n")
	}
	_, _ = p.w.Write(b)
}
