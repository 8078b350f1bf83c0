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
	if i.Op == noOp || i.Op >= numOps {
		return fmt.Errorf("no operation")
	}
	info := i.Op.Info()
	for k, a := range i.Args {
		switch {
		case k >= len(info.Args):
			if a != 0 {
				return fmt.Errorf("too many arguments")
			}
		case a <= 0 || a >= v:
			return fmt.Errorf("argument %d is not defined before", k+1)
		case t.Type(a) != info.Args[k]:
			return fmt.Errorf("argument %d is of type %s, not %s", k+1, t.Type(a), info.Args[k])
		}
	}
	if ends, last := i.Op.Has(Ends), int(v) == len(t.Code)-1; ends != last {
		return fmt.Errorf("an end where none may be, or none where one must be")
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
	case op == GetX || op == SetX:
		if i.Imm < 1 || i.Imm > 31 {
			return fmt.Errorf("register x%d", i.Imm)
		}
	case op == GetF || op == SetF || op == FliS || op == FliD:
		if i.Imm > 31 {
			return fmt.Errorf("operand %d", i.Imm)
		}
	}
	return nil
}
