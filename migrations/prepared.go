package migrations

import (
	"context"
	"database/sql/driver"
	"errors"
)

// maxPrepared is how many statements a connection to SQLite keeps: they are those that insert or look up chunks of rows, and not many.
const maxPrepared = 64

// keepingConn keeps statements that were prepared until they are prepared again, and those of queries with arguments: one about many
// rows has a long text, which takes SQLite a while to read.
type keepingConn struct {
	sqliteConn

	idle map[string]*keptStmt
	used int64
}

// keptStmt is one that is kept when it is closed.
type keptStmt struct {
	sqliteStmt

	conn  *keepingConn
	query string
	used  int64 // when, in closings of the connection's statements
}

// sqliteStmt is what the driver's statements can do, as database/sql asks them.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *keepingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if s := c.idle[query]; s != nil {
		delete(c.idle, query)
		return s, nil
	}
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if own, ok := stmt.(sqliteStmt); ok && err == nil {
		return &keptStmt{sqliteStmt: own, conn: c, query: query}, nil
	}
	return stmt, err
}

// QueryContext implements driver.QueryerContext. What bun asks has its values in the text, which will not come again.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	kept, ok := stmt.(*keptStmt)
	if !ok {
		_ = stmt.Close()
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := kept.QueryContext(ctx, args)
	if err != nil {
		_ = kept.Close() // it failed already
		return nil, err
	}
	own, ok := rows.(sqliteRows)
	if !ok {
		_ = errors.Join(rows.Close(), kept.Close())
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	return &keptRows{own, kept}, nil
}

// sqliteRows is what the driver's rows can do, as database/sql asks them.
type sqliteRows interface { //nolint:interfacebloat // as sqliteConn
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// keptRows gives the statement back when they are closed.
type keptRows struct {
	sqliteRows

	stmt *keptStmt
}

// Close implements driver.Rows.
func (r *keptRows) Close() error { return errors.Join(r.sqliteRows.Close(), r.stmt.Close()) }

// Close implements driver.Stmt.
func (s *keptStmt) Close() error {
	c := s.conn
	if c.idle[s.query] != nil {
		return s.sqliteStmt.Close()
	}
	c.used++
	s.used = c.used
	c.idle[s.query] = s
	if len(c.idle) <= maxPrepared {
		return nil
	}
	oldest := s
	for _, other := range c.idle {
		if other.used < oldest.used {
			oldest = other
		}
	}
	delete(c.idle, oldest.query)
	return oldest.sqliteStmt.Close()
}

// Close implements driver.Conn.
func (c *keepingConn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.sqliteStmt.Close())
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}
