//go:build linux && amd64

package strace

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// sockaddr prints a socket address of any family.
func (p *printer) sockaddr(b []byte) {
	if len(b) < 2 {
		p.str(`""`)
		return
	}
	family := uint64(le.Uint16(b))
	p.str("{sa_family=")
	p.enum("af", family)
	switch name, _ := lookupSet("af").name(family); {
	case name == "AF_UNIX" && len(b) > 2:
		p.str(", sun_path=")
		p.sunPath(b[2:])
	case name == "AF_INET" && len(b) >= 8:
		p.printf(`, sin_port=htons(%d), sin_addr=inet_addr("%s")`, binary.BigEndian.Uint16(b[2:]), netip.AddrFrom4([4]byte(b[4:8])))
	case name == "AF_INET6" && len(b) >= 28:
		p.printf(`, sin6_port=htons(%d), sin6_flowinfo=htonl(%d), inet_pton(AF_INET6, "%s", &sin6_addr), sin6_scope_id=%d`,
			binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), netip.AddrFrom16([16]byte(b[8:24])), u32(b, 24))
	case name == "AF_NETLINK" && len(b) >= 12:
		p.printf(", nl_pid=%d, nl_groups=%08x", i32(b, 4), u32(b, 8))
	case len(b) > 2:
		p.str(", sa_data=")
		p.quote(b[2:], false)
	}
	p.str("}")
}

// sunPath prints the path of a Unix socket, "@" standing for the NUL of an abstract one.
func (p *printer) sunPath(b []byte) {
	if b[0] == 0 {
		p.str("@")
		p.quote(b[1:], false)
		return
	}
	p.quote(untilNUL(b), false)
}

// Offsets in struct msghdr and struct cmsghdr.
const (
	msgName, msgNamelen, msgIov, msgIovlen = 0, 8, 16, 24
	msgControl, msgControllen, msgFlags    = 32, 40, 48

	msghdrSize = 56
	cmsgHeader = 16
)

func (p *printer) msghdr(b []byte) {
	p.message(b, p.messageBytes())
}

// messageBytes is how much of a message there is to print: all if it is sent, what
// has come if it is received.
func (p *printer) messageBytes() uint64 {
	if p.leaving && strings.HasPrefix(p.call.Row.Name, "recv") {
		return uint64(p.ret)
	}
	return 1 << 62
}

// message prints struct msghdr with the first n bytes of its data.
func (p *printer) message(b []byte, n uint64) {
	p.str("{msg_name=")
	if addr := u64(b, msgName); addr == 0 {
		p.str("NULL")
	} else {
		p.object("sockaddr", addr, min(u32(b, msgNamelen), 128))
	}
	p.printf(", msg_namelen=%d, msg_iov=", u32(b, msgNamelen))
	p.iovecs(u64(b, msgIov), u64(b, msgIovlen), n)
	p.printf(", msg_iovlen=%d", u64(b, msgIovlen))
	if size := u64(b, msgControllen); size != 0 {
		p.str(", msg_control=")
		p.control(u64(b, msgControl), size)
	}
	p.printf(", msg_controllen=%d, msg_flags=", u64(b, msgControllen))
	p.flags("msg", u32(b, msgFlags))
	p.str("}")
}

// iovecs prints n iovecs that hold size bytes.
func (p *printer) iovecs(addr, n, size uint64) {
	if addr == 0 {
		p.str("NULL")
		return
	}
	p.list(n, func(i uint64) {
		b := p.read(addr+16*i, 16)
		if b == nil {
			p.addr(addr + 16*i)
			return
		}
		here := min(u64(b, 8), size)
		size -= here
		p.iovecData(b, here)
	})
}

// control prints ancillary data.
func (p *printer) control(addr, size uint64) {
	b := p.read(addr, min(size, 4096))
	if b == nil {
		p.addr(addr)
		return
	}
	p.str("[")
	for first := true; len(b) >= cmsgHeader; first = false {
		if !first {
			p.str(", ")
		}
		n := u64(b, 0)
		if n < cmsgHeader || n > uint64(len(b)) {
			p.printf("{cmsg_len=%d, ...}", n)
			break
		}
		p.controlMessage(b[:n])
		b = b[min(uint64(len(b)), (n+7)&^7):]
	}
	p.str("]")
}

func (p *printer) controlMessage(b []byte) {
	const solSocket, rights, credentials = 1, 1, 2
	level, typ := u32(b, 8), u32(b, 12)
	p.printf("{cmsg_len=%d, cmsg_level=%s, cmsg_type=", u64(b, 0), lookupSet("sol").enum(level))
	data := b[cmsgHeader:]
	switch {
	case level != solSocket:
		p.hex(typ)
		p.str(", cmsg_data=")
		p.quote(data, true)
	case typ == rights:
		p.str("SCM_RIGHTS, cmsg_data=")
		p.list(uint64(len(data)/4), func(i uint64) { p.int(i32(data, int(4*i))) })
	case typ == credentials && len(data) >= 12:
		p.printf("SCM_CREDENTIALS, cmsg_data={pid=%d, uid=%d, gid=%d}", i32(data, 0), u32(data, 4), u32(data, 8))
	default:
		p.enum("scm", typ)
		p.str(", cmsg_data=")
		p.quote(data, true)
	}
	p.str("}")
}

func (p *printer) mmsghdr(b []byte) {
	const length = 56 // offset of msg_len
	n := uint64(1 << 62)
	if p.leaving && strings.HasPrefix(p.call.Row.Name, "recv") {
		n = u32(b, length)
	}
	p.str("{msg_hdr=")
	p.message(b, n)
	p.printf(", msg_len=%d}", u32(b, length))
}

// optionSets are the sets of socket option names by level.
var optionSets = map[uint64]string{0: "so_ip", 1: "so", 6: "so_tcp", 41: "so_ipv6"}

// option prints the name of a socket option of a level.
func (p *printer) option(level, name uint64) {
	if set := optionSets[uint64(uint32(level))]; set != "" {
		p.enum(set, name)
		return
	}
	p.int(int64(int32(name)))
}

// optionValue prints the value of a socket option by its size.
func (p *printer) optionValue(level, name, addr, n uint64) {
	const solSocket, linger, peercred, rcvtimeo, sndtimeo = 1, 13, 17, 20, 21
	b := p.read(addr, min(n, maxString))
	switch {
	case b == nil:
		p.addr(addr)
	case uint32(level) == solSocket && uint32(name) == linger && n == 8:
		p.printf("{l_onoff=%d, l_linger=%d}", i32(b, 0), i32(b, 4))
	case uint32(level) == solSocket && uint32(name) == peercred && n == 12:
		p.printf("{pid=%d, uid=%d, gid=%d}", i32(b, 0), u32(b, 4), u32(b, 8))
	case uint32(level) == solSocket && (uint32(name) == rcvtimeo || uint32(name) == sndtimeo) && n == 16:
		p.timeval(b)
	case n == 4:
		p.printf("[%d]", i32(b, 0))
	default:
		p.bytes(addr, n)
	}
}
