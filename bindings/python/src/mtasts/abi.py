"""Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md. Do not edit."""

from .words import Word, WordSet

# The version of the ABI that this package was made for.
ABI_MAJOR = 1
ABI_MINOR = 1


class Code(Word):
    """An error of the core, as a number that is never reused."""

    BOUNDS = -1, "bounds", "the request lies outside the IN area"
    REQUEST = -2, "request", "the request frame is malformed"
    STATE = -3, "state", "the stored state is damaged, of another domain, or of a newer version"
    RECORD_SEVERAL = -10, "record-several", "more than one TXT record begins with v=STSv1;"
    RECORD_DELIMITER = -11, "record-delimiter", "a semicolon was expected"
    RECORD_CHARACTER = -12, "record-character", "an octet outside printable ASCII"
    RECORD_FIELD = -13, "record-field", "a field is name=value with a name of 1 to 32 letters, digits, '_', '-', '.'"
    RECORD_VALUE = -14, "record-value", "a field has an empty value"
    RECORD_ID = -15, "record-id", "the id is not 1 to 32 letters and digits"
    RECORD_NO_ID = -16, "record-no-id", "the record has no id"
    POLICY_TOO_LARGE = -30, "policy-too-large", "the policy is larger than 64 KiB"
    POLICY_EMPTY = -31, "policy-empty", "the policy is empty"
    POLICY_LINE = -32, "policy-line", "a line is not name: value"
    POLICY_NAME = -33, "policy-name", "a name is not 1 to 32 letters, digits, '_', '-', '.'"
    POLICY_VALUE = -34, "policy-value", "a value is empty or holds a control character or malformed UTF-8"
    POLICY_VERSION = -35, "policy-version", "the version is not STSv1"
    POLICY_MODE = -36, "policy-mode", "the mode is not enforce, testing or none"
    POLICY_MAX_AGE = -37, "policy-max-age", "max_age is not 1 to 10 digits"
    POLICY_MX = -38, "policy-mx", "an mx value is not a host name, or *. and a host name"
    POLICY_NO_VERSION = -39, "policy-no-version", "there is no version line"
    POLICY_NO_MODE = -40, "policy-no-mode", "there is no mode line"
    POLICY_NO_MAX_AGE = -41, "policy-no-max-age", "there is no max_age line"
    POLICY_NO_MX = -42, "policy-no-mx", "modes enforce and testing need at least one mx line"
    MEDIA_TYPE = -43, "media-type", "the Content-Type is not text/plain"
    MEDIA_TYPE_MISSING = -44, "media-type-missing", "the response has no Content-Type"
    PATTERN = -50, "pattern", "the pattern is not a host name, or *. and a host name"


class Leniency(WordSet):
    """A set of allowances, none of them on by default."""

    OUTER_BLANKS = 1
    BLANK_LINES = 2
    BYTE_ORDER_MARK = 4
    MISSING_CONTENT_TYPE = 8
    ALL = 15


class Mode(Word):
    """The mode of a policy (RFC 8461 §3.2)."""

    ABSENT = 0, ""
    ENFORCE = 1, "enforce"
    TESTING = 2, "testing"
    NONE = 3, "none"


class Event(Word):
    """What happened to a Policy Domain."""

    LOOKUP = 1, "lookup"
    RECORD = 2, "record"
    POLICY = 3, "policy"
    DEADLINE = 4, "deadline"
    REFRESH = 5, "refresh"
    RECHECK = 6, "recheck"


class Flag(WordSet):
    """Facts that a step is told beside its event."""

    QUERY_IN_FLIGHT = 1
    GET_IN_FLIGHT = 2
    RECHECK_WAITING = 4
    PAST_LOST = 8
    STORE_UNREADABLE = 16
    FORCE = 32
    ALL = 63


class OnFailure(Word):
    """What a failing discovery means while nothing is held."""

    DEFER_BRIEFLY = 0, "defer-briefly"
    DELIVER = 1, "deliver"
    DEFER = 2, "defer"


class RecordOutcome(Word):
    """What the TXT query came to."""

    ANSWERED = 1, "answered"
    NONE = 2, "none"
    FAILED = 3, "failed"


class FetchOutcome(Word):
    """What the GET came to."""

    OK = 0, ""
    DNS = 1, "dns"
    ADDRESS_FORBIDDEN = 2, "address-forbidden"
    CONNECT = 3, "connect"
    TLS = 4, "tls"
    CERTIFICATE = 5, "certificate"
    TIMEOUT = 6, "timeout"
    STATUS = 7, "status"
    REDIRECT = 8, "redirect"
    TOO_LARGE = 9, "too-large"
    INCOMPLETE = 10, "incomplete"
    ENCODING = 11, "encoding"
    PROTOCOL = 12, "protocol"
    ABORTED = 13, "aborted"


class EffectKind(Word):
    """What a step asks its host to do."""

    STATE = 1, "state"
    STORE = 2, "store"
    FORGET = 3, "forget"
    NOTICE = 4, "notice"
    QUERY_RECORD = 5, "query-record"
    GET_POLICY = 6, "get-policy"
    WAKE_AT = 7, "wake-at"
    ANSWER = 8, "answer"


class Status(Word):
    """What a lookup learned."""

    CACHED = 1, "cached"
    FETCHED = 2, "fetched"
    NO_RECORD = 3, "no-record"
    RECORD_INVALID = 4, "record-invalid"
    RECORD_FAILED = 5, "record-failed"
    FETCH_FAILED = 6, "fetch-failed"
    POLICY_INVALID = 7, "policy-invalid"
    PENDING = 8, "pending"
    STORE_FAILED = 9, "store-failed"


class Verdict(Word):
    """What to honour now."""

    NONE = 0, "none"
    POLICY = 1, "policy"
    TEMP = 2, "temp"


class Reason(Word):
    """Why a decision is to be asked for again later."""

    NONE = 0, ""
    DISCOVERY_PENDING = 1, "discovery-pending"
    DISCOVERY_FAILED = 2, "discovery-failed"
    STORE_UNAVAILABLE = 3, "store-unavailable"


class ResultType(Word):
    """A result type of RFC 8460 §4.3."""

    NONE = 0, ""
    STARTTLS_NOT_SUPPORTED = 1, "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = 2, "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = 3, "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = 4, "certificate-not-trusted"
    VALIDATION_FAILURE = 5, "validation-failure"
    TLSA_INVALID = 6, "tlsa-invalid"
    DNSSEC_INVALID = 7, "dnssec-invalid"
    DANE_REQUIRED = 8, "dane-required"
    STS_POLICY_FETCH_ERROR = 9, "sts-policy-fetch-error"
    STS_POLICY_INVALID = 10, "sts-policy-invalid"
    STS_WEBPKI_INVALID = 11, "sts-webpki-invalid"


class NoticeKind(Word):
    """Something that an operator must hear of."""

    POLICY_NEW = 1, "policy-new"
    POLICY_CHANGED = 2, "policy-changed"
    POLICY_WEAKENED = 3, "policy-weakened"
    POLICY_EXPIRED = 4, "policy-expired"
    RECORD_MISSING = 5, "record-missing"
    RECORD_INVALID = 6, "record-invalid"
    RECORD_FAILED = 7, "record-failed"
    FETCH_FAILED = 8, "fetch-failed"
    POLICY_INVALID = 9, "policy-invalid"
    REFRESH_FAILING = 10, "refresh-failing"
    DISCOVERY_OPEN = 11, "discovery-open"
    ID_CHURN = 12, "id-churn"
    CLOCK_AHEAD = 13, "clock-ahead"
    CLOCK_BEHIND = 14, "clock-behind"
    LENIENCY_USED = 15, "leniency-used"


class DaneState(Word):
    """What DNS says of an MX host as far as DANE is concerned."""

    UNKNOWN = 0, "unknown"
    USABLE = 1, "usable"
    UNUSABLE = 2, "unusable"
    ABSENT = 3, "absent"
    INSECURE = 4, "insecure"
    FAILED = 5, "failed"
    NO_ADDRESS = 6, "no-address"
    ADDRESS_FAILED = 7, "address-failed"


class Addresses(Word):
    """How the addresses of an MX host were found."""

    FAILED = 1, "failed"
    NONE = 2, "none"
    SECURE = 3, "secure"
    INSECURE = 4, "insecure"
    ALIAS_SECURE = 5, "alias-secure"
    ALIAS_FIRST_SECURE = 6, "alias-first-secure"
    ALIAS_INSECURE = 7, "alias-insecure"


class Base(Word):
    """Which name the TLSA records of an MX host stand under."""

    NONE = 0, ""
    EXPANDED = 1, "expanded"
    ORIGINAL = 2, "original"


class Action(Word):
    """What to do with an MX host."""

    PKIX = 1, "pkix"
    DANE = 2, "dane"
    OPPORTUNISTIC = 3, "opportunistic"
    SKIP = 4, "skip"
    ENCRYPT = 5, "encrypt"


class PlanReason(Word):
    """Why an MX host is not used as the policy asks."""

    OK = 0, ""
    NOT_IN_POLICY = 1, "not-in-policy"
    NOT_A_HOST_NAME = 2, "not-a-host-name"
    TEMPORARY = 3, "temporary"
    NO_ADDRESS = 4, "no-address"
    ADDRESS_FAILED = 5, "address-failed"
    TLSA_FAILED = 6, "tlsa-failed"
    DANE_REQUIRED = 7, "dane-required"


class Session(Word):
    """How far an SMTP session came."""

    NOT_CONNECTED = 1, "not-connected"
    NO_STARTTLS = 2, "no-starttls"
    STARTTLS_REFUSED = 3, "starttls-refused"
    HANDSHAKE_FAILED = 4, "handshake-failed"
    TLS = 5, "tls"


class Chain(Word):
    """What a certificate chain is worth, apart from the name."""

    VALID = 0, "valid"
    NO_CERTIFICATE = 1, "no-certificate"
    EXPIRED = 2, "expired"
    NOT_YET_VALID = 3, "not-yet-valid"
    UNTRUSTED = 4, "untrusted"
    INVALID = 5, "invalid"
    DANE_EE = 6, "dane-ee"
    DANE_TA = 7, "dane-ta"
    DANE_NO_MATCH = 8, "dane-no-match"


class JudgeVerdict(Word):
    """What to do with a message after a session."""

    DELIVER = 1, "deliver"
    NEXT_HOST = 2, "next-host"
    DEFER = 3, "defer"


class Why(Word):
    """What a session lacked."""

    COMPLIANT = 0, "compliant"
    NOT_IN_POLICY = 1, "not-in-policy"
    NOT_A_HOST_NAME = 2, "not-a-host-name"
    TEMPORARY = 3, "temporary"
    NOT_CONNECTED = 4, "not-connected"
    NO_STARTTLS = 5, "no-starttls"
    STARTTLS_REFUSED = 6, "starttls-refused"
    HANDSHAKE_FAILED = 7, "handshake-failed"
    TLS_VERSION = 8, "tls-version"
    NO_CERTIFICATE = 9, "no-certificate"
    EXPIRED = 10, "expired"
    NOT_YET_VALID = 11, "not-yet-valid"
    UNTRUSTED = 12, "untrusted"
    CHAIN_INVALID = 13, "chain-invalid"
    NAME_MISMATCH = 14, "name-mismatch"
    DANE_NO_MATCH = 15, "dane-no-match"
    TLSA_UNUSABLE = 16, "tlsa-unusable"
    NO_ADDRESS = 17, "no-address"
    ADDRESS_FAILED = 18, "address-failed"
    TLSA_FAILED = 19, "tlsa-failed"
    DANE_REQUIRED = 20, "dane-required"


# Offsets, sizes and limits of docs/abi.md.
IN_CAPACITY = 196608
OUT_CAPACITY = 196608
POLICY_LIMIT = 65536
DOMAIN_LIMIT = 253
LABEL_LIMIT = 63
ID_LIMIT = 32
MAX_AGE_LIMIT = 31557600
FRAME_VERSION = 1
ABSENT = 4294967295
TLSA_LIMIT = 131072
TLS_1_2 = 771
OUT_STATUS = 0
OUT_OFFSET = 4
OUT_KIND = 8
OUT_LENGTH = 12
OUT_HEADER = 16
KIND_RECORD = 1
KIND_POLICY = 2
KIND_MATCH = 3
KIND_STEP = 4
KIND_PLAN = 5
KIND_JUDGE = 6
KIND_TLSA = 7
KIND_TLSA_MATCH = 8
KIND_TLSA_BASE = 9
Q_VERSION = 0
Q_EVENT = 4
Q_NOW = 8
Q_UPTIME = 12
Q_UPTIME_MS = 16
Q_BOOT = 20
Q_SEED = 24
Q_HIGH_WATER = 28
Q_FLAGS = 32
Q_LENIENCY = 36
Q_ON_FAILURE = 40
Q_DOMAIN = 44
Q_STATE = 52
Q_OUTCOME = 60
Q_TTL = 64
Q_SECURE = 68
Q_DATA = 72
Q_TYPE = 80
Q_TOKEN = 88
Q_SIZE = 136
TOKEN_UPTIME = 0
TOKEN_UPTIME_MS = 4
TOKEN_BOOT = 8
TOKEN_ID_LENGTH = 12
TOKEN_ID = 16
TOKEN_SIZE = 48
EFFECT_HEADER = 8
MATCH_ENTRY = 12
PLAN_ENTRY = 12
JUDGE_SIZE = 16
USAGE_DANE_TA = 2
USAGE_DANE_EE = 3
SELECTOR_CERTIFICATE = 0
SELECTOR_KEY = 1
MATCHING_FULL = 0
MATCHING_SHA256 = 1
MATCHING_SHA512 = 2
M_VERSION = 0
M_RECORDS = 4
M_CERTIFICATES = 12
M_SIZE = 20
PEER_CERTIFICATE_SHA256 = 0
PEER_CERTIFICATE_SHA512 = 32
PEER_KEY_SHA256 = 96
PEER_KEY_SHA512 = 128
PEER_CERTIFICATE = 192
P_VERSION = 0
P_VERDICT = 4
P_POLICY = 8
P_LENIENCY = 16
P_HOSTS = 20
P_FLAGS = 28
P_SIZE = 32
FACTS_DANE = 1
FACTS_MX_SECURE = 2
FACTS_DANE_MANDATORY = 4
FACTS_ALL = 7
J_VERSION = 0
J_ACTION = 4
J_REASON = 8
J_EVALUATE = 12
J_FLAGS = 16
J_SESSION = 20
J_TLS_VERSION = 24
J_CHAIN = 28
J_NAMES = 32
J_HOST = 40
J_SIZE = 48
JUDGE_LAST_HOST = 1
