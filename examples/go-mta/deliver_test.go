package main

import (
	"context"
	"errors"
	"testing"

	mtasts "mta-sts-engine.example/mtasts"
	"mta-sts-engine.example/mtasts/internal/lab"
)

func newSender(t *testing.T, world *lab.Lab) *Sender {
	t.Helper()
	core, err := mtasts.NewCore(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close(context.Background()) })
	dns := mtasts.NewDNSClient(world.DNS.String())
	policies, err := mtasts.NewClient(core, mtasts.Options{DNS: dns,
		HTTPS: mtasts.NewHTTPSFetcher(core, dns, mtasts.FetchOptions{Roots: world.Roots(), AllowPrivate: true, Port: world.HTTPS.Port})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policies.Close)
	return &Sender{Core: core, Policies: policies, DNS: dns, Name: "sender.test", Roots: world.Roots(), Port: world.SMTPPort}
}

func TestDeliveryUnderPolicies(t *testing.T) {
	world := lab.Start(t)
	sender := newSender(t, world)
	policy := func(mode string, mx ...string) lab.Object {
		return lab.Object{"mode": mode, "mx": mx, "maxAge": 604800}
	}
	host := func(name string, behaviour lab.Object) lab.Object {
		entry := lab.Object{"exchange": name}
		for key, value := range behaviour {
			entry[key] = value
		}
		return entry
	}
	for _, one := range []struct {
		title, domain string
		policy        any
		mx            []lab.Object
		// Who gets the message, "" for nobody.
		receiver string
	}{
		{"enforce, a good host", "good.test", policy("enforce", "mx.good.test"), []lab.Object{host("mx.good.test", nil)}, "mx.good.test"},
		{"enforce, STARTTLS stripped", "stripped.test", policy("enforce", "mx.stripped.test"),
			[]lab.Object{host("mx.stripped.test", lab.Object{"starttls": "stripped"})}, ""},
		{"enforce, a certificate for another name", "wrong.test", policy("enforce", "mx.wrong.test"),
			[]lab.Object{host("mx.wrong.test", lab.Object{"certificate": "wrong-name"})}, ""},
		{"enforce, the name in the CN only", "cn.test", policy("enforce", "mx.cn.test"),
			[]lab.Object{host("mx.cn.test", lab.Object{"certificate": "cn-only"})}, ""},
		{"enforce, expired", "expired.test", policy("enforce", "mx.expired.test"),
			[]lab.Object{host("mx.expired.test", lab.Object{"certificate": "expired"})}, ""},
		{"enforce, self-signed", "self.test", policy("enforce", "mx.self.test"),
			[]lab.Object{host("mx.self.test", lab.Object{"certificate": "self-signed"})}, ""},
		{"enforce, a bad host first", "second.test", policy("enforce", "*.second.test"),
			[]lab.Object{host("one.second.test", lab.Object{"starttls": "refused"}), host("two.second.test", nil)}, "two.second.test"},
		{"enforce, a host that is not listed first", "unlisted.test", policy("enforce", "mx.unlisted.test"),
			[]lab.Object{host("mx.attacker.test", nil), host("mx.unlisted.test", nil)}, "mx.unlisted.test"},
		{"testing, STARTTLS stripped", "testing.test", policy("testing", "mx.testing.test"),
			[]lab.Object{host("mx.testing.test", lab.Object{"starttls": "stripped"})}, "mx.testing.test"},
		{"no policy, self-signed", "plain.test", nil,
			[]lab.Object{host("mx.plain.test", lab.Object{"certificate": "self-signed"})}, "mx.plain.test"},
	} {
		t.Run(one.title, func(t *testing.T) {
			world.Domain(one.domain, lab.Object{"policy": one.policy, "mx": one.mx})
			err := sender.Deliver(context.Background(), "a@sender.test", "b@"+one.domain, one.domain, []byte("Subject: x\r\n\r\nx\r\n"))
			if one.receiver == "" && !errors.Is(err, ErrLater) {
				t.Errorf("got %v, wanted the message to stay in the queue", err)
			}
			if one.receiver != "" && err != nil {
				t.Error(err)
			}
			var receivers []string
			for _, delivery := range lab.Into[[]struct{ MX string }](world, "deliveries") {
				receivers = append(receivers, delivery.MX)
			}
			if one.receiver == "" && len(receivers) > 0 || one.receiver != "" && (len(receivers) != 1 || receivers[0] != one.receiver) {
				t.Errorf("delivered to %q, wanted %q", receivers, one.receiver)
			}
			world.Call("forgetSeen")
		})
	}
}
