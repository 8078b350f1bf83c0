package mem

import (
	"fmt"
	"strings"
)

// mapsName is the column where names begin in /proc/pid/maps.
const mapsName = 73

// zeroDev is the device of anonymous shared memory, which the kernel backs by a file.
const zeroDev = 1

// AppendMaps appends the line of /proc/pid/maps that describes v (proc_pid_maps(5)).
func (v *VMA) AppendMaps(b []byte) []byte {
	sharing, name := byte('p'), v.Name
	var dev, ino, offset uint64
	switch {
	case v.File != nil:
		dev, ino, offset = v.File.Dev, v.File.Ino, v.Offset
		name = strings.ReplaceAll(v.File.Path, "\n", `\012`)
	case v.Shared && name == "":
		dev, name = zeroDev, "/dev/zero (deleted)"
	}
	if v.Shared {
		sharing = 's'
	}
	start := len(b)
	major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff
	b = fmt.Appendf(b, "%08x-%08x %s%c %08x %02x:%02x %d ", v.Start, v.End, v.Prot, sharing, offset, uint32(major), uint32(minor), ino)
	if name != "" {
		for len(b)-start < mapsName {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	return append(b, '\n')
}
