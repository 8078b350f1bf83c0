package ir

import "fmt"

// Verify reports what makes t no trace: an argument that is missing, of another type
// or defined later, an instruction that cannot stand where it does.
func (t *Trace) Verify() error {
	if len(t.Code) < 2 || t.Code[0] != (Instr{}) {
		return fmt.Errorf("no code")
	}
	for k := 1; k < len(t.Code); k++ {
		if err := t.verify(Value(k)); err != nil {
			return fmt.Errorf("v%d: %s: %w", k, t.Code[k].Op, err)
		}
	}
	return nil
}

func (t *Trace) verify(v Value) error {
	i := &t.Code[v]
	if err := i.Verify(t.Code); err != nil {
		return err
	}
	for k, a := range i.Args {
		if a >= v {
			return fmt.Errorf("argument %d is not defined before", k+1)
		}
	}
	if ends, last := i.Op.Has(Ends), int(v) == len(t.Code)-1; ends != last {
		return fmt.Errorf("an end where none may be, or none where one must be")
	}
	return i.verifyRegister()
}

// Verify reports what makes i no instruction wherever it stands: arguments are values of code.
func (i *Instr) Verify(code []Instr) error {
	if i.Op == noOp || i.Op >= numOps {
		return fmt.Errorf("no operation")
	}
	info := i.Op.Info()
	for k, a := range i.Args {
		if k >= len(info.Args) {
			if a != 0 {
				return fmt.Errorf("too many arguments")
			}
			continue
		}
		if a <= 0 || int(a) >= len(code) {
			return fmt.Errorf("argument %d is not defined before", k+1)
		}
		if is := code[a].Op.Info().Result; is != info.Args[k] {
			return fmt.Errorf("argument %d is of type %s, not %s", k+1, is, info.Args[k])
		}
	}
	return i.verifyImm()
}

func (i *Instr) verifyImm() error {
	switch op := i.Op; {
	case !op.Has(HasImm):
		if i.Imm != 0 {
			return fmt.Errorf("it has no immediate")
		}
	case op.Has(Rounds):
		if i.Imm > 4 && i.Imm != Dynamic {
			return fmt.Errorf("rounding mode %d", i.Imm)
		}
	case op == FliS || op == FliD:
		if i.Imm > 31 {
			return fmt.Errorf("operand %d", i.Imm)
		}
	}
	return nil
}

func (i *Instr) verifyRegister() error {
	switch i.Op {
	case GetX, SetX:
		if i.Imm < 1 || i.Imm > 31 {
			return fmt.Errorf("register x%d", i.Imm)
		}
	case GetF, SetF:
		if i.Imm > 31 {
			return fmt.Errorf("operand %d", i.Imm)
		}
	}
	return nil
}
