module mta-sts-engine.example/mtasts/examples/go-mta

go 1.23.0

require mta-sts-engine.example/mtasts v0.0.0

require (
	github.com/miekg/dns v1.1.68 // indirect
	github.com/tetratelabs/wazero v1.9.0 // indirect
	golang.org/x/mod v0.24.0 // indirect
	golang.org/x/net v0.40.0 // indirect
	golang.org/x/sync v0.14.0 // indirect
	golang.org/x/sys v0.33.0 // indirect
	golang.org/x/text v0.25.0 // indirect
	golang.org/x/tools v0.33.0 // indirect
)

replace mta-sts-engine.example/mtasts => ../../bindings/go
