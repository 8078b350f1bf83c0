//go:build linux && amd64

package procview

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/mem"
)

func (v *View) maps() ([]byte, error) {
	var b []byte
	for _, m := range v.VMAs() {
		b = m.AppendMaps(b)
	}
	return b, nil
}

// usage is what of a range of memory is in the host's, in bytes.
type usage struct{ size, anon, file uint64 }

// smaps has the true sizes and resident sets; it counts each page as private to the
// process.
func (v *View) smaps() ([]byte, error) {
	var b []byte
	pages := v.openPages()
	defer pages.close()
	for _, m := range v.VMAs() {
		b = m.AppendMaps(b)
		b = appendUsage(b, pages.usage(&m), v.page())
		b = append(b, "THPeligible:           0\n"...)
		b = append(appendVMFlags(b, &m), '\n')
	}
	return b, nil
}

// rollup is /proc/pid/smaps_rollup: the sums.
func (v *View) rollup() ([]byte, error) {
	var sum usage
	pages := v.openPages()
	defer pages.close()
	vmas := v.VMAs()
	if len(vmas) == 0 {
		return nil, nil
	}
	for _, m := range vmas {
		u := pages.usage(&m)
		sum.anon, sum.file = sum.anon+u.anon, sum.file+u.file
	}
	all := mem.VMA{Start: vmas[0].Start, End: vmas[len(vmas)-1].End, Name: "[rollup]"}
	return appendUsage(all.AppendMaps(nil), sum, 0), nil
}

// appendUsage appends the lines of /proc/pid/smaps with numbers; without a page size,
// those of /proc/pid/smaps_rollup.
func appendUsage(b []byte, u usage, page uint64) []byte {
	rss := u.anon + u.file
	for _, f := range [...]struct {
		name string
		size uint64
		both bool
	}{
		{"Size", u.size, false}, {"KernelPageSize", page, false}, {"MMUPageSize", page, false},
		{"Rss", rss, true}, {"Pss", rss, true}, {"Pss_Dirty", u.anon, true}, {"Shared_Clean", 0, true}, {"Shared_Dirty", 0, true},
		{"Private_Clean", u.file, true}, {"Private_Dirty", u.anon, true}, {"Referenced", rss, true}, {"Anonymous", u.anon, true},
		{"KSM", 0, true}, {"LazyFree", 0, true}, {"AnonHugePages", 0, true}, {"ShmemPmdMapped", 0, true}, {"FilePmdMapped", 0, true},
		{"Shared_Hugetlb", 0, true}, {"Private_Hugetlb", 0, true}, {"Swap", 0, true}, {"SwapPss", 0, true}, {"Locked", 0, true},
	} {
		if page != 0 || f.both {
			b = fmt.Appendf(b, "%-16s%8d kB\n", f.name+":", f.size/1024)
		}
	}
	return b
}

// numaMaps is /proc/pid/numa_maps of a machine with one node.
func (v *View) numaMaps() ([]byte, error) {
	var b []byte
	pages := v.openPages()
	defer pages.close()
	for _, m := range v.VMAs() {
		b = fmt.Appendf(b, "%08x default", m.Start)
		switch {
		case m.File != nil:
			b = append(append(b, " file="...), strings.ReplaceAll(m.File.Path, "\n", `\012`)...)
		case m.Name == "[heap]", m.Name == "[stack]":
			b = append(append(b, ' '), strings.Trim(m.Name, "[]")...)
		}
		u := pages.usage(&m)
		if u.anon != 0 {
			b = fmt.Appendf(b, " anon=%d dirty=%[1]d", u.anon/v.page())
		}
		if u.file != 0 {
			b = fmt.Appendf(b, " mapped=%d", u.file/v.page())
		}
		if n := (u.anon + u.file) / v.page(); n != 0 {
			b = fmt.Appendf(b, " N0=%d kernelpagesize_kB=%d", n, v.page()/1024)
		}
		b = append(b, '\n')
	}
	return b, nil
}

// pages reads /proc/pid/pagemap, which tells of each page whether it is there.
type pages struct {
	v *View
	f *os.File // nil if it cannot be read: then nothing is there
}

func (v *View) openPages() pages {
	f, err := os.Open("/proc/" + strconv.Itoa(v.PID) + "/pagemap")
	if err != nil {
		f = nil
	}
	return pages{v, f}
}

func (p pages) close() {
	if p.f != nil {
		_ = p.f.Close()
	}
}

// maxResidency is the most memory of a mapping that is looked up, in bytes: a
// reservation may be huge.
const maxResidency = 1 << 32

// Bits of an entry of pagemap.
const (
	pagePresent = 1 << 63
	pageFile    = 1 << 61 // of a file, or shared
)

func (p pages) usage(m *mem.VMA) (u usage) {
	u.size = m.Len()
	if p.f == nil {
		return u
	}
	p.v.Host(m.Start, min(m.Len(), maxResidency), func(host, n uint64) {
		var buf [4096]byte
		for at, end := host/mem.PageSize*8, (host+n)/mem.PageSize*8; at < end; {
			got, _ := p.f.ReadAt(buf[:min(uint64(len(buf)), end-at)], int64(at))
			if got < 8 {
				return
			}
			for i := 0; i+8 <= got; i += 8 {
				switch e := binary.NativeEndian.Uint64(buf[i:]); {
				case e&pagePresent == 0:
				case e&pageFile != 0:
					u.file += mem.PageSize
				default:
					u.anon += mem.PageSize
				}
			}
			at += uint64(got) &^ 7
		}
	})
	return u
}

// appendVMFlags appends the VmFlags line of /proc/pid/smaps.
func appendVMFlags(b []byte, v *mem.VMA) []byte {
	b = append(b, "VmFlags: "...)
	for _, f := range [...]struct {
		name string
		on   bool
	}{
		{"rd ", v.Prot&mem.Read != 0}, {"wr ", v.Prot&mem.Write != 0}, {"ex ", v.Prot&mem.Exec != 0},
		{"sh ", v.Shared}, {"mr ", true}, {"mw ", true}, {"me ", true}, {"gd ", v.GrowsDown}, {"nr ", v.NoReserve},
	} {
		if f.on {
			b = append(b, f.name...)
		}
	}
	return b
}
