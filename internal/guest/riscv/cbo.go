package riscv

// cboBlock is the size in bytes of the blocks that cbo instructions work on.
const cboBlock = 64

// cboManage is cbo.clean and cbo.flush. Caches are coherent here, so all that
// is left is the fault when the block cannot be accessed.
func (c *CPU) cboManage(addr uint64) { c.mem.Load(addr, 1) }

// cboZero is cbo.zero: it clears the block around addr.
func (c *CPU) cboZero(addr uint64) {
	addr &^= cboBlock - 1
	for off := uint64(0); off < cboBlock; off += 8 {
		c.mem.Store(addr+off, 8, 0)
	}
}
