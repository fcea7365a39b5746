module mta-sts-engine.example/mtasts

go 1.23.0

require (
	github.com/miekg/dns v1.1.68
	github.com/tetratelabs/wazero v1.9.0
	golang.org/x/net v0.40.0
	golang.org/x/sys v0.33.0
)

require (
	golang.org/x/mod v0.24.0 // indirect
	golang.org/x/sync v0.14.0 // indirect
	golang.org/x/text v0.25.0 // indirect
	golang.org/x/tools v0.33.0 // indirect
)
