//go:build linux && amd64

package engine

import "github.com/hospes-vm/hospes/internal/codecache"

// BlockInfo is what a translation is like, and where it leads.
type BlockInfo struct {
	PC        uint64
	Region    bool
	Function  bool // host code for a library function
	Insts     int  // guest instructions
	HostBytes int
	Exits     []ExitInfo
}

// ExitInfo is a way out of a translation.
type ExitInfo struct {
	Kind   string // "jump", "call", "guess", "system call"
	PC     uint64 // where it leads, or 0 if that is computed and has not been guessed
	Linked bool   // without the engine
}

var exitNames = map[codecache.ExitKind]string{
	codecache.ToBlock: "jump", codecache.ToCall: "call", codecache.ToGuess: "guess", codecache.ToSystem: "system call",
}

// Blocks are all valid translations that have code, regions besides the blocks in whose place they are.
func (a *Arch) Blocks() (list []BlockInfo) {
	m := a.machine()
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.cache.Blocks() {
		if !b.Valid() {
			continue
		}
		info := BlockInfo{PC: b.PC, Region: b.Region, Function: b.Function != 0, Insts: b.Insts, HostBytes: b.HostBytes()}
		for _, e := range m.cache.Exits(b) {
			if name := exitNames[e.Kind]; name != "" {
				info.Exits = append(info.Exits, ExitInfo{name, e.PC, e.To() != nil})
			}
		}
		list = append(list, info)
	}
	return list
}
