// Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md. Do not edit.
package org.mtasts;

/** The numbers and words of docs/abi.md. */
public final class Abi {
  private Abi() {}

  /** The version of the ABI that this package was made for. */
  public static final int MAJOR = 1;

  /** The least minor version that will do. */
  public static final int MINOR = 1;

  /** An error of the core, as a number that is never reused. */
  public enum Code implements Word {
    BOUNDS(-1, "bounds", "the request lies outside the IN area"),
    REQUEST(-2, "request", "the request frame is malformed"),
    STATE(-3, "state", "the stored state is damaged, of another domain, or of a newer version"),
    RECORD_SEVERAL(-10, "record-several", "more than one TXT record begins with v=STSv1;"),
    RECORD_DELIMITER(-11, "record-delimiter", "a semicolon was expected"),
    RECORD_CHARACTER(-12, "record-character", "an octet outside printable ASCII"),
    RECORD_FIELD(-13, "record-field", "a field is name=value with a name of 1 to 32 letters, digits, '_', '-', '.'"),
    RECORD_VALUE(-14, "record-value", "a field has an empty value"),
    RECORD_ID(-15, "record-id", "the id is not 1 to 32 letters and digits"),
    RECORD_NO_ID(-16, "record-no-id", "the record has no id"),
    POLICY_TOO_LARGE(-30, "policy-too-large", "the policy is larger than 64 KiB"),
    POLICY_EMPTY(-31, "policy-empty", "the policy is empty"),
    POLICY_LINE(-32, "policy-line", "a line is not name: value"),
    POLICY_NAME(-33, "policy-name", "a name is not 1 to 32 letters, digits, '_', '-', '.'"),
    POLICY_VALUE(-34, "policy-value", "a value is empty or holds a control character or malformed UTF-8"),
    POLICY_VERSION(-35, "policy-version", "the version is not STSv1"),
    POLICY_MODE(-36, "policy-mode", "the mode is not enforce, testing or none"),
    POLICY_MAX_AGE(-37, "policy-max-age", "max_age is not 1 to 10 digits"),
    POLICY_MX(-38, "policy-mx", "an mx value is not a host name, or *. and a host name"),
    POLICY_NO_VERSION(-39, "policy-no-version", "there is no version line"),
    POLICY_NO_MODE(-40, "policy-no-mode", "there is no mode line"),
    POLICY_NO_MAX_AGE(-41, "policy-no-max-age", "there is no max_age line"),
    POLICY_NO_MX(-42, "policy-no-mx", "modes enforce and testing need at least one mx line"),
    MEDIA_TYPE(-43, "media-type", "the Content-Type is not text/plain"),
    MEDIA_TYPE_MISSING(-44, "media-type-missing", "the response has no Content-Type"),
    PATTERN(-50, "pattern", "the pattern is not a host name, or *. and a host name"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Code(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Code of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** An allowance; none is on by default. */
  public enum Leniency implements Word {
    OUTER_BLANKS(1, "outer-blanks", "spaces and tabs before and after the TXT record (AMB-02)"),
    BLANK_LINES(2, "blank-lines", "lines of a policy with nothing but blanks (AMB-03)"),
    BYTE_ORDER_MARK(4, "byte-order-mark", "one UTF-8 byte-order mark at the start of a policy (AMB-03)"),
    MISSING_CONTENT_TYPE(8, "missing-content-type", "a response without Content-Type; never one with another type (AMB-08)"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Leniency(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Leniency of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** The mode of a policy (RFC 8461 §3.2). */
  public enum Mode implements Word {
    ABSENT(0, "", "no policy is held (in a stored state; no policy text gives it)"),
    ENFORCE(1, "enforce", ""),
    TESTING(2, "testing", ""),
    NONE(3, "none", ""),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Mode(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Mode of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What happened to a Policy Domain. */
  public enum Event implements Word {
    LOOKUP(1, "lookup", "mail wants to go out now"),
    RECORD(2, "record", "the TXT query has ended"),
    POLICY(3, "policy", "the GET has ended"),
    DEADLINE(4, "deadline", "a caller cannot wait longer; the flight goes on"),
    REFRESH(5, "refresh", "the wake-up time has come, or an operator asks (FLAG_FORCE)"),
    RECHECK(6, "recheck", "delivery failed under enforce: is there a newer policy before mail is failed for good?"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Event(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Event of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** A fact that a step is told beside its event. */
  public enum Flag implements Word {
    QUERY_IN_FLIGHT(1, "", "a TXT query for this domain is under way (not the one this event reports)"),
    GET_IN_FLIGHT(2, "", "a GET for this domain is under way (not the one this event reports)"),
    RECHECK_WAITING(4, "", "a caller of EVENT_RECHECK waits for its answer"),
    PAST_LOST(8, "", "stored states were lost or this one was refused: until the domain has had one definite discovery, failure is temporary"),
    STORE_UNREADABLE(16, "", "the store could not be read now: whatever is no policy is temporary"),
    FORCE(32, "", "event refresh: an operator asks; age and back-off do not matter"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Flag(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Flag of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What a failing discovery means while nothing is held. */
  public enum OnFailure implements Word {
    DEFER_BRIEFLY(0, "defer-briefly", "temporary for ten minutes from the first failure, then no policy, with a notice, for a day"),
    DELIVER(1, "deliver", "no policy at once, with a notice"),
    DEFER(2, "defer", "temporary, always"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    OnFailure(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static OnFailure of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What the TXT query came to. */
  public enum RecordOutcome implements Word {
    ANSWERED(1, "answered", "Q_DATA, Q_TTL"),
    NONE(2, "none", "Q_TTL"),
    FAILED(3, "failed", ""),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    RecordOutcome(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static RecordOutcome of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What the GET came to. */
  public enum FetchOutcome implements Word {
    OK(0, "", "a response with a body"),
    DNS(1, "dns", "the policy host has no address, or could not be resolved"),
    ADDRESS_FORBIDDEN(2, "address-forbidden", "every address is one the host may not connect to"),
    CONNECT(3, "connect", "no connection"),
    TLS(4, "tls", "no TLS session"),
    CERTIFICATE(5, "certificate", "the certificate is expired, untrusted, or for another name"),
    TIMEOUT(6, "timeout", "the total deadline passed"),
    STATUS(7, "status", "a status other than 200"),
    REDIRECT(8, "redirect", "a redirect"),
    TOO_LARGE(9, "too-large", "a body over the limit"),
    INCOMPLETE(10, "incomplete", "a body cut short"),
    ENCODING(11, "encoding", "a Content-Encoding"),
    PROTOCOL(12, "protocol", "no valid HTTP response"),
    ABORTED(13, "aborted", "the host itself gave up; nothing was learned"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    FetchOutcome(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static FetchOutcome of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What a step asks its host to do. */
  public enum EffectKind implements Word {
    STATE(1, "state", "the state; keep it in memory for the next step of this domain"),
    STORE(2, "store", "none; make the state durable (that of this step, or the one at hand), if nobody stored a newer one since it was read; else read that and step again"),
    FORGET(3, "forget", "none; delete the stored state, under the same condition"),
    NOTICE(4, "notice", "notice, result type, i32 detail, number; tell an operator"),
    QUERY_RECORD(5, "query-record", "1 when a caller waits, 0 in the background; query TXT, come back with event record"),
    GET_POLICY(6, "get-policy", "1 or 0 as above, flight token; GET the policy, come back with event policy and the token"),
    WAKE_AT(7, "wake-at", "seconds from now; replace the domain's timer; event refresh then"),
    ANSWER(8, "answer", "below; answer every waiting caller"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    EffectKind(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static EffectKind of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What a lookup learned. */
  public enum Status implements Word {
    CACHED(1, "cached", "what is held, nothing against it"),
    FETCHED(2, "fetched", "a new policy"),
    NO_RECORD(3, "no-record", "DNS shows no MTA-STS record"),
    RECORD_INVALID(4, "record-invalid", "DNS shows several, or one that is malformed"),
    RECORD_FAILED(5, "record-failed", "the TXT query failed"),
    FETCH_FAILED(6, "fetch-failed", "the GET failed"),
    POLICY_INVALID(7, "policy-invalid", "the body is no policy"),
    PENDING(8, "pending", "the caller's deadline came first"),
    STORE_FAILED(9, "store-failed", "for the host's own use; the core never gives it"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Status(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Status of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What to honour now. */
  public enum Verdict implements Word {
    NONE(0, "none", "there is no policy: deliver as without MTA-STS"),
    POLICY(1, "policy", "honour the policy"),
    TEMP(2, "temp", "do not deliver now, ask again later"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Verdict(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Verdict of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** Why a decision is to be asked for again later. */
  public enum Reason implements Word {
    NONE(0, "", ""),
    DISCOVERY_PENDING(1, "discovery-pending", "discovery is still running"),
    DISCOVERY_FAILED(2, "discovery-failed", "discovery failed, and mail is deferred for it"),
    STORE_UNAVAILABLE(3, "store-unavailable", "the store cannot be read: there may be a policy"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Reason(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Reason of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** A result type of RFC 8460 §4.3. */
  public enum ResultType implements Word {
    NONE(0, "", ""),
    STARTTLS_NOT_SUPPORTED(1, "starttls-not-supported", ""),
    CERTIFICATE_HOST_MISMATCH(2, "certificate-host-mismatch", ""),
    CERTIFICATE_EXPIRED(3, "certificate-expired", ""),
    CERTIFICATE_NOT_TRUSTED(4, "certificate-not-trusted", ""),
    VALIDATION_FAILURE(5, "validation-failure", ""),
    TLSA_INVALID(6, "tlsa-invalid", ""),
    DNSSEC_INVALID(7, "dnssec-invalid", ""),
    DANE_REQUIRED(8, "dane-required", ""),
    STS_POLICY_FETCH_ERROR(9, "sts-policy-fetch-error", ""),
    STS_POLICY_INVALID(10, "sts-policy-invalid", ""),
    STS_WEBPKI_INVALID(11, "sts-webpki-invalid", ""),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    ResultType(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static ResultType of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** Something that an operator must hear of. */
  public enum NoticeKind implements Word {
    POLICY_NEW(1, "policy-new", "0, its mode"),
    POLICY_CHANGED(2, "policy-changed", "old mode, new mode"),
    POLICY_WEAKENED(3, "policy-weakened", "old mode, new mode"),
    POLICY_EXPIRED(4, "policy-expired", "0, its age in seconds"),
    RECORD_MISSING(5, "record-missing", "0, 0: the record of a held policy is gone"),
    RECORD_INVALID(6, "record-invalid", "error code, 0"),
    RECORD_FAILED(7, "record-failed", "0, 0: the query failed while a policy is held"),
    FETCH_FAILED(8, "fetch-failed", "outcome or error code, octet of the body"),
    POLICY_INVALID(9, "policy-invalid", "error code, octet of the body"),
    REFRESH_FAILING(10, "refresh-failing", "failures in a row, per cent of max_age gone"),
    DISCOVERY_OPEN(11, "discovery-open", "0, seconds since the first failure: mail goes out without discovery"),
    ID_CHURN(12, "id-churn", "0, 0: the id changed again, too soon to fetch"),
    CLOCK_AHEAD(13, "clock-ahead", "0, seconds ahead of what was to be expected"),
    CLOCK_BEHIND(14, "clock-behind", "0, seconds behind the high-water time"),
    LENIENCY_USED(15, "leniency-used", "0, leniencies"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    NoticeKind(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static NoticeKind of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What DNS says of an MX host as far as DANE is concerned. */
  public enum DaneState implements Word {
    UNKNOWN(0, "unknown", "as an argument: not asked yet; as an answer: ask for the candidate"),
    USABLE(1, "usable", "secure records, usable ones among them"),
    UNUSABLE(2, "unusable", "secure records, none of them usable"),
    ABSENT(3, "absent", "securely none"),
    INSECURE(4, "insecure", "what there is, or its absence, is not authenticated: DANE does not apply"),
    FAILED(5, "failed", "the lookup failed"),
    NO_ADDRESS(6, "no-address", "the host has no address"),
    ADDRESS_FAILED(7, "address-failed", "the address lookup failed"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    DaneState(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static DaneState of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** How the addresses of an MX host were found. */
  public enum Addresses implements Word {
    FAILED(1, "failed", "a lookup failed, bogus answers included"),
    NONE(2, "none", "there are none"),
    SECURE(3, "secure", "no alias, authenticated"),
    INSECURE(4, "insecure", "no alias, not authenticated"),
    ALIAS_SECURE(5, "alias-secure", "behind an alias, authenticated throughout"),
    ALIAS_FIRST_SECURE(6, "alias-first-secure", "behind an alias, not authenticated, but the first CNAME is"),
    ALIAS_INSECURE(7, "alias-insecure", "behind an alias that is not authenticated"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Addresses(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Addresses of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** Which name the TLSA records of an MX host stand under. */
  public enum Base implements Word {
    NONE(0, "", "there is no base domain"),
    EXPANDED(1, "expanded", "what the MX host is an alias for, to the end of the chain"),
    ORIGINAL(2, "original", "the MX host name itself"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Base(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Base of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What to do with an MX host. */
  public enum Action implements Word {
    PKIX(1, "pkix", "use it, with a certificate that PKIX and its name hold good"),
    DANE(2, "dane", "use it, with a server that its TLSA records authenticate"),
    OPPORTUNISTIC(3, "opportunistic", "use it as without MTA-STS"),
    SKIP(4, "skip", "do not use it: it counts as unreachable, no connection is made"),
    ENCRYPT(5, "encrypt", "use it, with TLS; it cannot be authenticated"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Action(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Action of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** Why an MX host is not used as the policy asks. */
  public enum PlanReason implements Word {
    OK(0, "", ""),
    NOT_IN_POLICY(1, "not-in-policy", "no pattern covers it"),
    NOT_A_HOST_NAME(2, "not-a-host-name", "an address, or no name a certificate could hold"),
    TEMPORARY(3, "temporary", "the verdict is \"ask again later\""),
    NO_ADDRESS(4, "no-address", "it has no address"),
    ADDRESS_FAILED(5, "address-failed", "its address lookup failed"),
    TLSA_FAILED(6, "tlsa-failed", "its TLSA lookup failed: that is not \"no DANE\""),
    DANE_REQUIRED(7, "dane-required", "DANE is mandatory and it has no secure usable TLSA record"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    PlanReason(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static PlanReason of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** How far an SMTP session came. */
  public enum Session implements Word {
    NOT_CONNECTED(1, "not-connected", "the host was not reached, or skipped"),
    NO_STARTTLS(2, "no-starttls", "STARTTLS was not offered"),
    STARTTLS_REFUSED(3, "starttls-refused", "a reply other than 220"),
    HANDSHAKE_FAILED(4, "handshake-failed", "no TLS session"),
    TLS(5, "tls", "a TLS session"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Session(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Session of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What a certificate chain is worth, apart from the name. */
  public enum Chain implements Word {
    VALID(0, "valid", "in its validity period, up to a trusted root"),
    NO_CERTIFICATE(1, "no-certificate", "the session has none"),
    EXPIRED(2, "expired", ""),
    NOT_YET_VALID(3, "not-yet-valid", ""),
    UNTRUSTED(4, "untrusted", "self-signed, unknown root, missing intermediate"),
    INVALID(5, "invalid", "anything else"),
    DANE_EE(6, "dane-ee", "the server's certificate matches a DANE-EE record"),
    DANE_TA(7, "dane-ta", "in its validity period, up to a certificate or key that a DANE-TA record names"),
    DANE_NO_MATCH(8, "dane-no-match", "no TLSA record matches"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Chain(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Chain of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What to do with a message after a session. */
  public enum JudgeVerdict implements Word {
    DELIVER(1, "deliver", "send the message"),
    NEXT_HOST(2, "next-host", "leave this host and try the next one"),
    DEFER(3, "defer", "keep the message and retry later; before it is failed for good, event recheck"),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    JudgeVerdict(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static JudgeVerdict of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  /** What a session lacked. */
  public enum Why implements Word {
    COMPLIANT(0, "compliant", ""),
    NOT_IN_POLICY(1, "not-in-policy", ""),
    NOT_A_HOST_NAME(2, "not-a-host-name", ""),
    TEMPORARY(3, "temporary", ""),
    NOT_CONNECTED(4, "not-connected", ""),
    NO_STARTTLS(5, "no-starttls", ""),
    STARTTLS_REFUSED(6, "starttls-refused", ""),
    HANDSHAKE_FAILED(7, "handshake-failed", ""),
    TLS_VERSION(8, "tls-version", ""),
    NO_CERTIFICATE(9, "no-certificate", ""),
    EXPIRED(10, "expired", ""),
    NOT_YET_VALID(11, "not-yet-valid", ""),
    UNTRUSTED(12, "untrusted", ""),
    CHAIN_INVALID(13, "chain-invalid", ""),
    NAME_MISMATCH(14, "name-mismatch", ""),
    DANE_NO_MATCH(15, "dane-no-match", ""),
    TLSA_UNUSABLE(16, "tlsa-unusable", ""),
    NO_ADDRESS(17, "no-address", ""),
    ADDRESS_FAILED(18, "address-failed", ""),
    TLSA_FAILED(19, "tlsa-failed", ""),
    DANE_REQUIRED(20, "dane-required", ""),
    UNRECOGNIZED(Integer.MIN_VALUE, "unrecognized", "a number that is not known here");

    private final int number;
    private final String word;
    private final String meaning;

    Why(int number, String word, String meaning) {
      this.number = number;
      this.word = word;
      this.meaning = meaning;
    }

    static Why of(int number) {
      return Word.of(values(), number, UNRECOGNIZED);
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String word() {
      return word;
    }

    @Override
    public String meaning() {
      return meaning;
    }
  }

  static final int IN_CAPACITY = 196608;
  static final int OUT_CAPACITY = 196608;
  static final int POLICY_LIMIT = 65536;
  static final int DOMAIN_LIMIT = 253;
  static final int LABEL_LIMIT = 63;
  static final int ID_LIMIT = 32;
  static final int MAX_AGE_LIMIT = 31557600;
  static final int FRAME_VERSION = 1;
  static final int ABSENT = (int) 4294967295L;
  static final int TLSA_LIMIT = 131072;
  static final int TLS_1_2 = 771;
  static final int OUT_STATUS = 0;
  static final int OUT_OFFSET = 4;
  static final int OUT_KIND = 8;
  static final int OUT_LENGTH = 12;
  static final int OUT_HEADER = 16;
  static final int KIND_RECORD = 1;
  static final int KIND_POLICY = 2;
  static final int KIND_MATCH = 3;
  static final int KIND_STEP = 4;
  static final int KIND_PLAN = 5;
  static final int KIND_JUDGE = 6;
  static final int KIND_TLSA = 7;
  static final int KIND_TLSA_MATCH = 8;
  static final int KIND_TLSA_BASE = 9;
  static final int Q_VERSION = 0;
  static final int Q_EVENT = 4;
  static final int Q_NOW = 8;
  static final int Q_UPTIME = 12;
  static final int Q_UPTIME_MS = 16;
  static final int Q_BOOT = 20;
  static final int Q_SEED = 24;
  static final int Q_HIGH_WATER = 28;
  static final int Q_FLAGS = 32;
  static final int Q_LENIENCY = 36;
  static final int Q_ON_FAILURE = 40;
  static final int Q_DOMAIN = 44;
  static final int Q_STATE = 52;
  static final int Q_OUTCOME = 60;
  static final int Q_TTL = 64;
  static final int Q_SECURE = 68;
  static final int Q_DATA = 72;
  static final int Q_TYPE = 80;
  static final int Q_TOKEN = 88;
  static final int Q_SIZE = 136;
  static final int TOKEN_UPTIME = 0;
  static final int TOKEN_UPTIME_MS = 4;
  static final int TOKEN_BOOT = 8;
  static final int TOKEN_ID_LENGTH = 12;
  static final int TOKEN_ID = 16;
  static final int TOKEN_SIZE = 48;
  static final int EFFECT_HEADER = 8;
  static final int MATCH_ENTRY = 12;
  static final int PLAN_ENTRY = 12;
  static final int JUDGE_SIZE = 16;
  static final int USAGE_DANE_TA = 2;
  static final int USAGE_DANE_EE = 3;
  static final int SELECTOR_CERTIFICATE = 0;
  static final int SELECTOR_KEY = 1;
  static final int MATCHING_FULL = 0;
  static final int MATCHING_SHA256 = 1;
  static final int MATCHING_SHA512 = 2;
  static final int M_VERSION = 0;
  static final int M_RECORDS = 4;
  static final int M_CERTIFICATES = 12;
  static final int M_SIZE = 20;
  static final int PEER_CERTIFICATE_SHA256 = 0;
  static final int PEER_CERTIFICATE_SHA512 = 32;
  static final int PEER_KEY_SHA256 = 96;
  static final int PEER_KEY_SHA512 = 128;
  static final int PEER_CERTIFICATE = 192;
  static final int P_VERSION = 0;
  static final int P_VERDICT = 4;
  static final int P_POLICY = 8;
  static final int P_LENIENCY = 16;
  static final int P_HOSTS = 20;
  static final int P_FLAGS = 28;
  static final int P_SIZE = 32;
  static final int FACTS_DANE = 1;
  static final int FACTS_MX_SECURE = 2;
  static final int FACTS_DANE_MANDATORY = 4;
  static final int FACTS_ALL = 7;
  static final int J_VERSION = 0;
  static final int J_ACTION = 4;
  static final int J_REASON = 8;
  static final int J_EVALUATE = 12;
  static final int J_FLAGS = 16;
  static final int J_SESSION = 20;
  static final int J_TLS_VERSION = 24;
  static final int J_CHAIN = 28;
  static final int J_NAMES = 32;
  static final int J_HOST = 40;
  static final int J_SIZE = 48;
  static final int JUDGE_LAST_HOST = 1;
}
