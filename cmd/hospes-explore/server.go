//go:build linux

package main

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed page.html page.js page.css
var files embed.FS

// policy has browsers load nothing from elsewhere, and execute nothing that is text in the data.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// ServeHTTP answers requests of a browser on this machine. One by another name is of a page from elsewhere that
// has had that name resolved to this machine.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, port, _ := net.SplitHostPort(s.host)
	if r.Host != s.host && r.Host != net.JoinHostPort("localhost", port) || r.Method != http.MethodGet {
		http.Error(w, "not for you", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if r.URL.Path != "/regions" { // a page with a policy of its own
		h.Set("Content-Security-Policy", policy)
	}
	switch r.URL.Path {
	case "/":
		s.file(w, "page.html", "text/html; charset=utf-8")
	case "/page.js":
		s.file(w, "page.js", "text/javascript; charset=utf-8")
	case "/page.css":
		s.file(w, "page.css", "text/css; charset=utf-8")
	case "/data":
		s.data(w)
	case "/code":
		s.code(w, r.FormValue("process"), r.FormValue("pc"))
	case "/regions":
		s.regions(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *server) file(w http.ResponseWriter, name, kind string) {
	b, err := files.ReadFile(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b)
}

// snapshots are the last that were complete, by process: a process may just be writing one.
type snapshots struct {
	mu   sync.Mutex
	good map[string][]byte
}

// process is a process in the answer.
type process struct {
	Name string
	Data json.RawMessage // explore.Snapshot
}

// data answers with all processes, the first one first.
func (s *server) data(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := struct {
		Running   bool
		Processes []process
	}{Running: s.running.Load()}
	found, _ := filepath.Glob(filepath.Join(s.dir, "*.json"))
	for _, file := range found {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if b, err := os.ReadFile(file); err == nil && json.Valid(b) {
			s.good[name] = b
		}
		if b := s.good[name]; b != nil {
			answer.Processes = append(answer.Processes, process{name, b})
		}
	}
	began := func(p process) string { _, at, _ := strings.Cut(p.Name, "-"); return at }
	slices.SortFunc(answer.Processes, func(a, b process) int { return strings.Compare(began(a), began(b)) })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

var processName = regexp.MustCompile(`^\d+-\d+$`)

// code answers with the translations of the code at an address.
func (s *server) code(w http.ResponseWriter, name, pc string) {
	at, ok := number(pc)
	if !processName.MatchString(name) || !ok {
		http.Error(w, "no such code", http.StatusBadRequest)
		return
	}
	list := []json.RawMessage{}
	if f, err := os.Open(filepath.Join(s.dir, name+".code")); err == nil {
		defer f.Close()
		begin := fmt.Appendf(nil, `{"PC":"%#x",`, at)
		for r := bufio.NewReaderSize(f, 1<<16); ; {
			line, err := r.ReadBytes('\n')
			if bytes.HasPrefix(line, begin) && json.Valid(line) {
				list = append(list, line)
			}
			if err != nil {
				break
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// regions answers with the page of regions of a process.
func (s *server) regions(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("process")
	if !processName.MatchString(name) {
		http.Error(w, "no such process", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	http.ServeFile(w, r, filepath.Join(s.dir, name+".html"))
}
