//go:build linux && amd64

package linux

import (
	"bytes"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Fields of /proc/pid/stat that are the guest's own, by the numbers of proc(5).
const (
	statState      = 3 // the first one behind the name, which may hold anything
	statNumThreads = 20
	statVsize      = 23
	statRsslim     = 25
	statStartCode  = 26
	statEndCode    = 27
	statStartStack = 28
	statStartData  = 45
	statEndData    = 46
	statStartBrk   = 47
	statArgStart   = 48
	statArgEnd     = 49
	statEnvStart   = 50
	statEnvEnd     = 51
)

func (p *Process) procStat(tid int) ([]byte, error) {
	host, err := hostProcFile(tid, "stat")
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(host, ')') + 1
	fields := bytes.Fields(host[end:])
	img := p.Image
	size, _ := p.Mem.Size()
	brk, _ := p.Mem.BrkRange()
	for field, v := range map[int]uint64{
		statNumThreads: uint64(p.numTasks()),
		statVsize:      size,
		statRsslim:     p.Limit(unix.RLIMIT_RSS),
		statStartCode:  img.StartCode,
		statEndCode:    img.EndCode,
		statStartStack: img.SP,
		statStartData:  img.StartData,
		statEndData:    img.EndData,
		statStartBrk:   brk,
		statArgStart:   img.ArgStart,
		statArgEnd:     img.ArgEnd,
		statEnvStart:   img.EnvStart,
		statEnvEnd:     img.EnvEnd,
	} {
		if i := field - statState; i < len(fields) {
			fields[i] = strconv.AppendUint(nil, v, 10)
		}
	}
	b := append(host[:end:end], ' ')
	return append(append(b, bytes.Join(fields, []byte(" "))...), '\n'), nil
}

// numTasks is the number of guest threads.
func (p *Process) numTasks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tasks)
}

// vmSizes are the sizes of parts of the address space, in bytes.
type vmSizes struct{ total, peak, text, data, stack, libs uint64 }

func (p *Process) vmSizes() (s vmSizes) {
	s.total, s.peak = p.Mem.Size()
	for _, v := range p.Mem.VMAs() {
		switch {
		case v.Name == "[stack]":
			s.stack += v.Len()
		case v.Prot&mem.Exec != 0 && v.Start >= p.Image.StartCode&^(mem.PageSize-1) && v.End <= mem.PageUp(p.Image.EndCode):
			s.text += v.Len()
		case v.Prot&mem.Exec != 0:
			s.libs += v.Len()
		case v.Prot&mem.Write != 0 && !v.Shared:
			s.data += v.Len()
		}
	}
	return s
}

func (p *Process) procStatm(tid int) ([]byte, error) {
	host, err := hostProcFile(tid, "statm")
	if err != nil {
		return nil, err
	}
	var size, resident, shared uint64
	if _, err := fmt.Sscan(string(host), &size, &resident, &shared); err != nil {
		return nil, err
	}
	s := p.vmSizes()
	total := s.total / mem.PageSize
	return fmt.Appendf(nil, "%d %d %d %d 0 %d 0\n", total, min(resident, total), min(shared, total),
		s.text/mem.PageSize, (s.data+s.stack)/mem.PageSize), nil
}

// procStatus is /proc/pid/status: the host's, but for memory, threads and signals.
func (p *Process) procStatus(tid int) ([]byte, error) {
	host, err := hostProcFile(tid, "status")
	if err != nil {
		return nil, err
	}
	s := p.vmSizes()
	kb := func(n uint64) string { return fmt.Sprintf("%8d kB", n/1024) }
	own := map[string]string{
		"Threads": strconv.Itoa(p.numTasks()),
		"VmPeak":  kb(s.peak), "VmSize": kb(s.total), "VmData": kb(s.data),
		"VmStk": kb(s.stack), "VmExe": kb(s.text), "VmLib": kb(s.libs),
	}
	own["SigIgn"], own["SigCgt"] = p.signalActions()
	own["Seccomp"], own["Seccomp_filters"] = p.secureStatus(tid)
	return replaceLines(host, own), nil
}

// signalActions returns the sets of ignored and of handled signals as
// /proc/pid/status prints them.
func (p *Process) signalActions() (ignored, handled string) {
	var ign, cgt uint64
	for sig := 1; sig <= numSignals; sig++ {
		switch a := p.sig.action(sig); {
		case a.handles():
			cgt |= sigbit(sig)
		case a.Handler == sigIgn:
			ign |= sigbit(sig)
		}
	}
	return fmt.Sprintf("%016x", ign), fmt.Sprintf("%016x", cgt)
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

// procLimits is /proc/pid/limits with the limits that hospes keeps for the guest.
func (p *Process) procLimits(tid int) ([]byte, error) {
	host, err := hostProcFile(tid, "limits")
	if err != nil {
		return nil, err
	}
	var out []byte
	for line := range bytes.Lines(host) {
		for name, resource := range map[string]int{
			"Max stack size": unix.RLIMIT_STACK, "Max data size": unix.RLIMIT_DATA, "Max address space": unix.RLIMIT_AS,
		} {
			var l rlimit
			if bytes.HasPrefix(line, []byte(name+" ")) && p.prlimit(resource, nil, &l) == 0 {
				line = fmt.Appendf(nil, "%-25s %-20s %-20s %-10s\n", name, limitText(l.Cur), limitText(l.Max), "bytes")
			}
		}
		out = append(out, line...)
	}
	return out, nil
}

func limitText(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
