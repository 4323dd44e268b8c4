package migrations

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// textArrays is pgx's codec of text[], but for []string as a parameter, as which records travel by the hundred: it takes room for all
// of them at once, where the other grows its buffer from a few bytes on and copies what it has each time.
type textArrays struct{ *pgtype.ArrayCodec }

// useTextArrays makes a connection encode its parameters so.
func useTextArrays(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	if t, ok := m.TypeForOID(pgtype.TextArrayOID); ok {
		if codec, ok := t.Codec.(*pgtype.ArrayCodec); ok {
			m.RegisterType(&pgtype.Type{Name: t.Name, OID: t.OID, Codec: textArrays{codec}})
		}
	}
	return nil
}

// PlanEncode implements pgtype.Codec.
func (c textArrays) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([]string); ok && format == pgtype.BinaryFormatCode {
		return encodeTexts{}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// encodeTexts writes the binary format of arrays as array_recv of PostgreSQL (src/backend/utils/adt/arrayfuncs.c) reads it: how many
// dimensions, whether there are NULLs, the element's type, for each dimension length and lower bound, and then each element's length and
// bytes.
type encodeTexts struct{}

// Encode implements pgtype.EncodePlan.
func (encodeTexts) Encode(value any, buf []byte) ([]byte, error) {
	texts, _ := value.([]string)
	if texts == nil {
		return nil, nil
	}
	size, dimensions := 20+4*len(texts), []uint32{uint32(len(texts)), 1} //nolint:gosec // a parameter has less than 1 GB
	for _, s := range texts {
		size += len(s)
	}
	if len(texts) == 0 {
		dimensions = nil
	}
	buf = slices.Grow(buf, size)
	for _, n := range append([]uint32{uint32(len(dimensions) / 2), 0, pgtype.TextOID}, dimensions...) { //nolint:gosec // 0 or 1
		buf = binary.BigEndian.AppendUint32(buf, n)
	}
	for _, s := range texts {
		buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(s))), s...) //nolint:gosec // a parameter has less than 1 GB
	}
	return buf, nil
}
