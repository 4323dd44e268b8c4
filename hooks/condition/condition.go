package condition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Condition decides whether an event concerns a webhook. It is an expression of
// github.com/expr-lang/expr over doc, old, changed, event and job. A missing
// member is null; comparing null with < > <= >= and the string operators is
// false instead of an error. Truth is Frappe's: null, false, 0, "", [] and {}
// are false.
type Condition struct {
	program *vm.Program
}

// names gives the compiler the names there are; values come per event.
func names() map[string]any {
	return map[string]any{
		"doc": map[string]any{}, "old": map[string]any{}, "changed": []any{}, "event": "", "job": "",
	}
}

// Parse compiles a condition; nil for an empty one. An error names the
// position and what is wrong there.
func Parse(source string) (*Condition, error) {
	if strings.TrimSpace(source) == "" {
		return nil, nil //nolint:nilnil // no condition is no mistake
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, invalid(err)
	}
	used := &rootNames{declared: map[string]bool{}}
	ast.Walk(&tree.Node, used)
	for _, id := range used.used {
		if _, known := names()[id.Value]; !known && !used.declared[id.Value] {
			at := (&file.Error{Location: id.Location(), Message: "unknown name " + id.Value + " (there are doc, old, changed, event and job)"}).Bind(tree.Source)
			return nil, invalid(at)
		}
	}
	for _, id := range used.below {
		at := (&file.Error{Location: id.Location(), Message: id.Value + " is a text and has no members"}).Bind(tree.Source)
		return nil, invalid(at)
	}
	program, err := expr.Compile(source, expr.Env(names()), expr.AllowUndefinedVariables(), expr.Patch(nullSafe{}),
		expr.Function("__member", member, new(func(any, any) any)),
		expr.Function("__order", order, new(func(string, any, any) bool)),
		expr.Function("__text", text, new(func(string, any, any) bool)),
		expr.Function("__truth", truth, new(func(any) bool)))
	if err != nil {
		return nil, invalid(err)
	}
	return &Condition{program}, nil
}

func invalid(err error) error {
	e := &Error{Message: firstLine(err.Error()), Err: err}
	if at, ok := errors.AsType[*file.Error](err); ok {
		e.Message = fmt.Sprintf("line %d, column %d: %s", at.Line, at.Column+1, at.Message)
	}
	return e
}

// Error is a mistake in a condition, or why it could not be evaluated.
type Error struct {
	Message string // safe for clients
	Err     error  // cause, for logs
}

func (e *Error) Error() string { return e.Message }

// Code returns "invalid_condition".
func (e *Error) Code() string { return "invalid_condition" }

// ClientMessage returns the text that may be shown to clients.
func (e *Error) ClientMessage() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// Facts are what a condition may look at; raw JSON or nil.
type Facts struct {
	Doc, Old, Changed []byte
	Event, Job        string
}

// Holds evaluates the condition; a nil one always holds.
func (c *Condition) Holds(f Facts) (bool, error) {
	if c == nil {
		return true, nil
	}
	env := map[string]any{"event": f.Event, "job": nil}
	if f.Job != "" {
		env["job"] = f.Job
	}
	for name, raw := range map[string][]byte{"doc": f.Doc, "old": f.Old, "changed": f.Changed} {
		v, err := decodeExact(raw)
		if err != nil {
			return false, &Error{Message: name + " cannot be read", Err: err}
		}
		env[name] = v
	}
	if env["changed"] == nil {
		env["changed"] = []any{}
	}
	out, err := expr.Run(c.program, env)
	if err != nil {
		return false, &Error{Message: firstLine(err.Error()), Err: err}
	}
	return truthy(out), nil
}

// decodeExact decodes JSON with integers as int, other numbers as float64.
func decodeExact(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil //nolint:nilnil // absent is null
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i)
		}
		f, err := v.Float64()
		if err != nil && !math.IsInf(f, 0) {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func truthy(v any) bool {
	if v == nil {
		return false
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Float64:
		return !r.IsZero()
	case reflect.Slice, reflect.Map, reflect.Array:
		return r.Len() > 0
	default:
		return true
	}
}

// rootNames collects the names an expression uses and those it declares itself:
// with undefined variables allowed, a typo would be a condition that never holds.
type rootNames struct {
	used     []*ast.IdentifierNode
	below    []*ast.IdentifierNode // texts whose members are asked for
	declared map[string]bool
}

// Visit implements ast.Visitor.
func (r *rootNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.used = append(r.used, n)
	case *ast.VariableDeclaratorNode:
		r.declared[n.Name] = true
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && (id.Value == "event" || id.Value == "job") {
			r.below = append(r.below, id)
		}
	}
}

// nullSafe rewrites member access and comparisons so that null is an ordinary
// value.
type nullSafe struct{}

// Visit implements ast.Visitor.
func (nullSafe) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		if n.Method {
			return
		}
		ast.Patch(node, call("__member", n.Node, n.Property))
	case *ast.BinaryNode:
		switch n.Operator {
		case "<", ">", "<=", ">=":
			ast.Patch(node, call("__order", &ast.StringNode{Value: n.Operator}, n.Left, n.Right))
		case "contains", "startsWith", "endsWith":
			ast.Patch(node, call("__text", &ast.StringNode{Value: n.Operator}, n.Left, n.Right))
		case "and", "&&", "or", "||":
			n.Left, n.Right = call("__truth", n.Left), call("__truth", n.Right)
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			n.Node = call("__truth", n.Node)
		}
	case *ast.ConditionalNode:
		n.Cond = call("__truth", n.Cond)
	}
}

func call(name string, args ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

func truth(args ...any) (any, error) { return truthy(args[0]), nil }

func member(args ...any) (any, error) {
	switch of := args[0].(type) {
	case map[string]any:
		key, ok := args[1].(string)
		if !ok {
			return nil, nil //nolint:nilnil // no such member
		}
		return of[key], nil
	case []any:
		i, ok := args[1].(int)
		if ok && i < 0 {
			i += len(of)
		}
		if !ok || i < 0 || i >= len(of) {
			return nil, nil //nolint:nilnil // no such element
		}
		return of[i], nil
	default:
		return nil, nil //nolint:nilnil // null and scalars have no members
	}
}

func order(args ...any) (any, error) {
	op, _ := args[0].(string)
	if args[1] == nil || args[2] == nil {
		return false, nil
	}
	var sign int
	if a, ok := number(args[1]); ok {
		b, ok := number(args[2])
		if !ok {
			return nil, mixed(op, args[1], args[2])
		}
		sign = compare(a, b)
		if x, ok := args[1].(int); ok { // integers beyond 2^53 compare exactly
			if y, ok := args[2].(int); ok {
				sign = compare(x, y)
			}
		}
	} else {
		a, okA := args[1].(string)
		b, okB := args[2].(string)
		if !okA || !okB {
			return nil, mixed(op, args[1], args[2])
		}
		sign = strings.Compare(a, b)
	}
	switch op {
	case "<":
		return sign < 0, nil
	case ">":
		return sign > 0, nil
	case "<=":
		return sign <= 0, nil
	default:
		return sign >= 0, nil
	}
}

// mixed is the failure of a comparison that means nothing.
func mixed(op string, a, b any) error {
	return fmt.Errorf("%w: %s %s %s", errMixed, kind(a), op, kind(b))
}

var errMixed = errors.New("cannot compare")

func kind(v any) string {
	switch v.(type) {
	case int, float64:
		return "a number"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

func compare[T int | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func text(args ...any) (any, error) {
	op, _ := args[0].(string)
	if args[1] == nil || args[2] == nil {
		return false, nil
	}
	a, okA := args[1].(string)
	b, okB := args[2].(string)
	if !okA || !okB {
		return nil, mixed(op, args[1], args[2])
	}
	switch op {
	case "contains":
		return strings.Contains(a, b), nil
	case "startsWith":
		return strings.HasPrefix(a, b), nil
	default:
		return strings.HasSuffix(a, b), nil
	}
}
