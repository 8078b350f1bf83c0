//go:build linux && amd64

package procview

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Fields of /proc/pid/stat that are the guest's own, by the numbers of proc(5).
const (
	statState      = 3 // the first one behind the name, which may hold anything
	statNumThreads = 20
	statVsize      = 23
	statRSS        = 24
	statRsslim     = 25
	statStartCode  = 26
	statEndCode    = 27
	statStartStack = 28
	statSigIgnore  = 33
	statSigCatch   = 34
	statStartData  = 45
	statEndData    = 46
	statStartBrk   = 47
	statArgStart   = 48
	statArgEnd     = 49
	statEnvStart   = 50
	statEnvEnd     = 51
)

func (v *View) stat() ([]byte, error) {
	host, err := v.hostFile("stat")
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(host, ')') + 1
	fields := bytes.Fields(host[end:])
	if len(fields) <= statRSS-statState {
		return host, nil
	}
	d := v.D
	size := v.sizes().total
	rss, _ := strconv.ParseUint(string(fields[statRSS-statState]), 10, 64)
	for field, n := range map[int]uint64{
		statNumThreads: uint64(v.Threads),
		statVsize:      size,
		statRSS:        min(rss*mem.PageSize, size) / v.page(),
		statRsslim:     Unlimited,
		statStartCode:  d.StartCode,
		statEndCode:    d.EndCode,
		statStartStack: d.StartStack,
		statStartData:  d.StartData,
		statEndData:    d.EndData,
		statStartBrk:   d.StartBrk,
		statArgStart:   d.ArgStart,
		statArgEnd:     d.ArgEnd,
		statEnvStart:   d.EnvStart,
		statEnvEnd:     d.EnvEnd,
		statSigIgnore:  v.Ignored & 0x7fffffff,
		statSigCatch:   v.Handled & 0x7fffffff,
	} {
		if i := field - statState; i < len(fields) {
			fields[i] = strconv.AppendUint(nil, n, 10)
		}
	}
	b := append(host[:end:end], ' ')
	return append(append(b, bytes.Join(fields, []byte(" "))...), '\n'), nil
}

// vmSizes are the sizes of parts of the address space, in bytes.
type vmSizes struct{ total, peak, text, data, stack, libs uint64 }

func (v *View) sizes() (s vmSizes) {
	start, end := v.D.StartCode&^(v.page()-1), (v.D.EndCode+v.page()-1)&^(v.page()-1)
	for _, m := range v.VMAs() {
		n := m.Len()
		s.total += n
		switch {
		case m.Name == "[stack]":
			s.stack += n
		case m.Prot&mem.Exec != 0 && m.Start >= start && m.End <= end:
			s.text += n
		case m.Prot&mem.Exec != 0:
			s.libs += n
		case m.Prot&mem.Write != 0 && !m.Shared:
			s.data += n
		}
	}
	s.peak = max(s.total, v.Peak)
	return s
}

func (v *View) statm() ([]byte, error) {
	host, err := v.hostFile("statm")
	if err != nil {
		return nil, err
	}
	var size, resident, shared uint64
	if _, err := fmt.Sscan(string(host), &size, &resident, &shared); err != nil {
		return nil, err
	}
	s := v.sizes()
	pages := func(n uint64) uint64 { return min(n, s.total) / v.page() }
	return fmt.Appendf(nil, "%d %d %d %d 0 %d 0\n", pages(s.total), pages(resident*mem.PageSize), pages(shared*mem.PageSize),
		pages(s.text), pages(s.data+s.stack)), nil
}

// status is /proc/pid/status: the host's, but for memory, threads and signals.
func (v *View) status() ([]byte, error) {
	host, err := v.hostFile("status")
	if err != nil {
		return nil, err
	}
	s := v.sizes()
	kb := func(n uint64) string { return fmt.Sprintf("%8d kB", n/1024) }
	own := map[string]string{
		"Threads": strconv.Itoa(v.Threads),
		"VmPeak":  kb(s.peak), "VmSize": kb(s.total), "VmData": kb(s.data),
		"VmStk": kb(s.stack), "VmExe": kb(s.text), "VmLib": kb(s.libs),
		"SigIgn": fmt.Sprintf("%016x", v.Ignored), "SigCgt": fmt.Sprintf("%016x", v.Handled),
	}
	for _, name := range [...]string{"VmRSS", "VmHWM", "RssAnon", "RssFile"} {
		if n, ok := kilobytes(host, name); ok && n*1024 > s.total {
			own[name] = kb(s.total) // hospes's memory is counted
		}
	}
	for name, more := range v.Signals {
		var set uint64
		if _, rest, ok := bytes.Cut(host, []byte("\n"+name+":\t")); ok && more != 0 {
			_, _ = fmt.Sscanf(string(rest[:min(len(rest), 16)]), "%x", &set)
			own[name] = fmt.Sprintf("%016x", set|more)
		}
	}
	maps.Copy(own, v.Secure)
	return replaceLines(host, own), nil
}

// kilobytes is the value of a "name: n kB" line.
func kilobytes(text []byte, name string) (n uint64, ok bool) {
	_, rest, ok := bytes.Cut(text, []byte("\n"+name+":"))
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscan(string(rest[:min(len(rest), 40)]), &n)
	return n, err == nil
}

// replaceLines replaces the values of "name:\tvalue" lines.
func replaceLines(text []byte, values map[string]string) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if v, ok := values[string(name)]; ok {
			line = []byte(string(name) + ":\t" + v + "\n")
		}
		out = append(out, line...)
	}
	return out
}

// limits is /proc/pid/limits with the limits that hospes keeps for the guest.
func (v *View) limits() ([]byte, error) {
	host, err := v.hostFile("limits")
	if err != nil {
		return nil, err
	}
	var out []byte
	for line := range bytes.Lines(host) {
		for name, l := range v.Limits {
			if bytes.HasPrefix(line, []byte(name+" ")) {
				unit := string(bytes.TrimSpace(line[min(len(line), unitColumn):]))
				line = fmt.Appendf(nil, "%-25s %-20s %-20s %-10s\n", name, limitText(l.Cur), limitText(l.Max), unit)
			}
		}
		out = append(out, line...)
	}
	return out, nil
}

// unitColumn is where units begin in /proc/pid/limits.
const unitColumn = 68

func limitText(n uint64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
