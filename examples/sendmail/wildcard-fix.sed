# Ruleset STS_SAN of Sendmail 8.17 and 8.18 never matches a wildcard certificate; these two lines do. After each m4:
#   sed -i -f wildcard-fix.sed /etc/mail/sendmail.cf
/^SSTS_SAN/,/^SSTS_secure/ s/^R\$-\.\$+\(.*\)\$: \$2$/R$-.$+\1$: *.$2/
/^SSTS_SAN/,/^SSTS_secure/ s/^R \*\.\$={cert_altnames}/R$={cert_altnames}/
