package isa

import (
	"fmt"
	"strconv"
	"strings"
)

// Alias is a name that assemblers prefer for a special form of an instruction.
// Its row in alias.isa is
//
//	name | base | conditions | operands
//
// with conditions such as "rd=0", "imm=-1", "len=2" (compressed) or "fs1=fs2"
// (equal registers).
type Alias struct {
	Name     string
	Base     string
	Conds    []AliasCond
	Operands []string
}

// AliasCond says that a field has a value, or the same one as another field.
type AliasCond struct {
	Field string
	Value int64
	Other string // if not empty: the other field
}

// LoadAliases reads alias.isa; rows are the instructions.
func LoadAliases(rows []*Row) ([]*Alias, error) {
	base := map[string]*Row{}
	for _, r := range rows {
		base[r.Name] = r
	}
	text, err := files.ReadFile("alias.isa")
	if err != nil {
		return nil, err
	}
	var list []*Alias
	err = eachLine("alias.isa", string(text), func(pos string, cols []string) error {
		a, err := parseAlias(cols)
		if err != nil {
			return err
		}
		if r := base[a.Base]; r == nil || r.Expands != "" {
			return fmt.Errorf("%s is no base instruction", a.Base)
		}
		list = append(list, a)
		return nil
	})
	return list, err
}

func parseAlias(cols []string) (*Alias, error) {
	if len(cols) != 4 {
		return nil, fmt.Errorf("want name | base | conditions | operands")
	}
	a := &Alias{Name: cols[0], Base: cols[1], Operands: splitList(cols[3])}
	for _, c := range strings.Fields(cols[2]) {
		field, value, ok := strings.Cut(c, "=")
		if !ok {
			return nil, fmt.Errorf("bad condition %q", c)
		}
		cond := AliasCond{Field: field}
		if v, err := strconv.ParseInt(value, 0, 64); err == nil {
			cond.Value = v
		} else {
			cond.Other = value
		}
		a.Conds = append(a.Conds, cond)
	}
	return a, nil
}
