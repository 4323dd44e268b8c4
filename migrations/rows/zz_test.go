package rows_test
import ("testing";"testing/synctest";"time";"dochook/migrations/dbtest";"dochook/migrations";"path/filepath";"os";"fmt";"context";"github.com/uptrace/bun";"dochook/migrations/rows")
func TestSync(t *testing.T){ synctest.Test(t,func(t *testing.T){
 db:=dbtest.New(t,"sqlite"); s:=time.Now(); time.Sleep(75*time.Hour); var n int64
 if err:=db.Read.QueryRowContext(t.Context(),"select "+db.NowMicros()).Scan(&n);err!=nil{t.Fatal(err)}
 t.Log(time.Since(s), time.UnixMicro(n), time.Now())
})}
func BenchmarkWAL(b *testing.B){
 for _,p:=range []string{"wal_autocheckpoint=1000","wal_autocheckpoint=4000","wal_autocheckpoint=1000","wal_autocheckpoint=4000","mmap_size=268435456","wal_autocheckpoint=16000"}{
 b.Run(p,func(b *testing.B){
 u:="sqlite:"+filepath.Join(b.TempDir(),"x.db"); db,_:=migrations.Open(b.Context(),u,migrations.OpenOptions{}); open(b,db); defer db.Close()
 _,err:=db.Write.Exec("PRAGMA "+p); if err!=nil {b.Fatal(err)}
 cols:=docs(500,1); name:=cols[0].Values.([]string)
 for page:=0;b.Loop();page++{
  for i:=range name { name[i]=fmt.Sprintf("d%07d",(page*500+i)*7919%10000000)}
  if err:=db.InTx(b.Context(),func(ctx context.Context,tx bun.Tx)error{_,err:=rows.Insert(ctx,tx,"docs",cols,upsert);return err}); err!=nil {b.Fatal(err)}
 }
 b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(),"rows/s")
 fi,_:=os.Stat(u[7:]+"-wal"); b.ReportMetric(float64(fi.Size())/1e6,"walMB")
 })}
}
