package hospes

import (
	"encoding/hex"

	"golang.org/x/crypto/blake2b"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/transcache"
)

// stored opens what earlier runs of the program have stored of its translations, which depend on config. The name of the file
// comes from what a program begins with: its headers, and the linker's build ID. So it stays the same wherever the program
// lies. Two programs with one name get in each other's way, no more. It is nil if this executable cannot be told from others.
func (o *observer) stored(t Translator, config []byte) *transcache.File {
	id := self.BuildID()
	if id == nil {
		return nil
	}
	const pageSize = 4096
	var page [pageSize]byte
	if o.p.Mem.CopyIn(page[:], o.p.Image.Phdr&^(pageSize-1)) != nil {
		return nil
	}
	p := transcache.Place{Dir: t.Stored, Config: blake2b.Sum256(append(config, id...))}
	name := blake2b.Sum256(append(page[:], p.Config[:]...))
	p.Name = hex.EncodeToString(name[:16]) + transcache.Ext
	return transcache.Open(p, t.CreateStored)
}

// holdStored has save find what it writes to open.
func (o *observer) holdStored() {
	if a, ok := o.arch.(*engine.Arch); ok {
		a.HoldStored()
	}
}

// save writes translations for later runs, if they are to be stored.
func (o *observer) save() {
	if a, ok := o.arch.(*engine.Arch); ok {
		a.Save()
	}
}
