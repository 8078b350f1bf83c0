package riscv

import "github.com/hospes-vm/hospes/internal/guest"

// features are what GDB calls org.gnu.gdb.riscv.cpu and .fpu ("RISC-V Features" of its
// manual), in the order of its register numbers.
var features = []guest.Feature{
	{Name: "org.gnu.gdb.riscv.cpu", Registers: gpRegisters()},
	{
		Name: "org.gnu.gdb.riscv.fpu",
		Types: `<union id="riscv_double"><field name="float" type="ieee_single"/>` +
			`<field name="double" type="ieee_double"/></union>`,
		Registers: fpRegisters(),
	},
}

func (arch) Features() []guest.Feature { return features }

func gpRegisters() []guest.Register {
	list := []guest.Register{{Name: xNames[0], Type: "int", Size: 8}}
	for i := 1; i < 32; i++ {
		kind := "int"
		switch i {
		case regRA:
			kind = "code_ptr"
		case regSP, regGP, regTP:
			kind = "data_ptr"
		}
		list = append(list, guest.Register{Name: xNames[i], Type: kind, Note: guest.NT_PRSTATUS, Offset: 8 * i, Size: 8, ThreadPointer: i == regTP})
	}
	return append(list, guest.Register{Name: "pc", Type: "code_ptr", Note: guest.NT_PRSTATUS, Size: 8})
}

func fpRegisters() (list []guest.Register) {
	for i, name := range fNames {
		list = append(list, guest.Register{Name: name, Type: "riscv_double", Note: guest.NT_PRFPREG, Offset: 8 * i, Size: 8})
	}
	fcsr := guest.Register{Type: "int", Note: guest.NT_PRFPREG, Offset: 8 * 32, Size: 4}
	part := func(name string, shift, width int) {
		fcsr.Name, fcsr.Shift, fcsr.Width = name, shift, width
		list = append(list, fcsr)
	}
	part("fflags", 0, 5)
	part("frm", 5, 3)
	part("fcsr", 0, 8)
	return list
}
