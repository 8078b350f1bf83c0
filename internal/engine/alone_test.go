//go:build linux && amd64

package engine

import (
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// twice loads one place twice, and in between by another register.
const twice = `
	addi sp, sp, -16
	mv a1, sp
	mv a2, sp
	li a0, 1000
1:	ld a3, (a1)
	ld a4, (a2)
	ld a5, (a1)
	addi a0, a0, -1
	bnez a0, 1b
	ecall`

// regions are those in use, and those of them that are for a guest that is alone.
func (m *Machine) regions() (all, alone []*codecache.Block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.cache.Blocks() {
		if b.Region && b.Valid() {
			all = append(all, b)
		}
	}
	return all, slices.DeleteFunc(slices.Clone(all), func(b *codecache.Block) bool { return !b.Alone })
}

// TestAlone: regions that are for one thread only end when there is another one, or shared memory, and others take
// their place.
func TestAlone(t *testing.T) {
	for name, meet := range map[string]func(t *testing.T, cpu guest.CPU, as *mem.Space){
		"thread": func(_ *testing.T, cpu guest.CPU, _ *mem.Space) { cpu.Clone() },
		"shared memory": func(t *testing.T, _ guest.CPU, as *mem.Space) {
			if _, err := as.Mmap(mem.Request{Len: mem.PageSize, Prot: mem.Read, Flags: mem.MapShared}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, cpu := machineFor(t, twice, Options{CacheSize: 1 << 20})
			run(t, cpu)
			m.await()
			if all, alone := m.regions(); len(all) != 1 || len(alone) != 1 {
				t.Fatalf("%d regions, %d for one thread", len(all), len(alone))
			}
			meet(t, cpu, m.as)
			if all, _ := m.regions(); len(all) != 0 {
				t.Errorf("%d regions are left", len(all))
			}
			cpu.SetPC(codeAddr)
			run(t, cpu)
			m.optimise(m.lookup(codecache.Key{PC: codeAddr + 16}))
			if all, alone := m.regions(); len(all) != 1 || len(alone) != 0 {
				t.Errorf("afterwards %d regions, %d for one thread", len(all), len(alone))
			}
		})
	}
}
