package openapi

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// object is a JSON object in the order in which it was written.
type object []member

type member struct {
	key   string
	value any // object, []any, string, bool, a number or nil
}

func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// object is a member that is one, or nil.
func (o object) object(key string) object {
	inner, _ := o.get(key).(object)
	return inner
}

func (o object) text(key string) string {
	s, _ := o.get(key).(string)
	return s
}

func (o object) list(key string) []any {
	l, _ := o.get(key).([]any)
	return l
}

func (o *object) set(key string, value any) {
	for i, m := range *o {
		if m.key == key {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{key, value})
}

// with is a copy with a member set; parts of the tree are shared by what has an anchor.
func (o object) with(key string, value any) object {
	out := slices.Clone(o)
	out.set(key, value)
	return out
}

// merge adds a member, or the members of an object to those of an object. What is there already must be the same.
func (o *object) merge(key string, value any) error {
	there := o.get(key)
	if there == nil {
		*o = append(*o, member{key, value})
		return nil
	}
	mine, ok := there.(object)
	more, both := value.(object)
	if !ok || !both {
		if reflect.DeepEqual(there, value) {
			return nil
		}
		return fmt.Errorf("%s is there twice", key)
	}
	out := slices.Clone(mine)
	for _, m := range more {
		if old := out.get(m.key); old != nil && !reflect.DeepEqual(old, m.value) {
			return fmt.Errorf("%s.%s is there twice", key, m.key)
		} else if old == nil {
			out = append(out, m)
		}
	}
	o.set(key, out)
	return nil
}

func (o object) sort() {
	slices.SortStableFunc(o, func(a, b member) int { return strings.Compare(a.key, b.key) })
}

// plain makes objects of what the YAML library reads.
func plain(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		out := make(object, len(v))
		for i, item := range v {
			key, ok := item.Key.(string)
			if !ok {
				key = fmt.Sprint(item.Key)
			}
			out[i] = member{key, plain(item.Value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

// appendJSON appends a tree as JSON.
func appendJSON(dst []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return jsontext.AppendQuote(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return dst, errors.New("openapi: a number that JSON does not have")
		}
		return strconv.AppendFloat(dst, v, 'f', -1, 64), nil
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, e); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = jsontext.AppendQuote(dst, m.key); err != nil {
				return dst, err
			}
			if dst, err = appendJSON(append(dst, ':'), m.value); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	default:
		return dst, fmt.Errorf("openapi: a %T has no place in JSON", v)
	}
}
