package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// debugAddress is where GDB connects to, and whether the program waits for that.
type debugAddress struct {
	path string         // of a socket; else
	addr netip.AddrPort // of TCP; invalid for none at all
	runs bool           // the program does not wait
}

// parseDebugAddress reads PORT, HOST:PORT or /PATH. A port alone is one of this machine; with
// nothing before the colon it is one of all its addresses.
func parseDebugAddress(v string) (d debugAddress, err error) {
	where, option, has := strings.Cut(v, ",")
	switch {
	case !has || option == "suspend=y":
	case option == "suspend=n":
		d.runs = true
	default:
		return d, fmt.Errorf("%q is neither suspend=y nor suspend=n", option)
	}
	if strings.Contains(where, "/") {
		d.path, err = filepath.Abs(where)
		return d, err
	}
	host, port := "127.0.0.1", where
	if i := strings.LastIndexByte(where, ':'); i >= 0 {
		host, port = strings.Trim(where[:i], "[]"), where[i+1:]
	}
	switch host {
	case "":
		host = "0.0.0.0"
	case "localhost":
		host = "127.0.0.1"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return d, fmt.Errorf("%q is no port, HOST:PORT or path of a socket", where)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return d, fmt.Errorf("%q is no IP address", host)
	}
	d.addr = netip.AddrPortFrom(ip, uint16(n))
	return d, nil
}

// wanted reports whether there is to be a debugger.
func (d debugAddress) wanted() bool { return d.path != "" || d.addr.IsValid() }
