/*
 * The platform's own certificates: an authority made at `init` and, per program, a folder that it
 * watches:
 *
 *   etc/ca/authority.pem  authority.key          ten years; the key signs and is shown to nobody
 *   etc/tls/serve-1  etc/tls/operator            urn:callcell:control, urn:callcell:operator
 *   edges/<edge>/tls                             urn:callcell:edge:<edge>
 *   cells/<cell>/etc/tls/<worker>                urn:callcell:cell:<cell>, one for each worker
 *   sites/<site>/cells/<cell>/etc/tls/<worker>   the same at another site
 *
 * In each folder identity.pem (certificate and key in one, swapped by rename) and authority.pem.
 * The folders are the list: a new kind of program makes its folder with cp_identity_ensure, and is
 * renewed with the others from then on. Where a folder lies says for whom it is; what lies in it
 * does not: whoever can write into one program's folder would be given any other's certificate.
 */
#ifndef CP_CERTIFICATES_H
#define CP_CERTIFICATES_H

#include "base/certificate.h"
#include "control-plane/context.h"

/* An hour before: a program whose clock is late must believe a new certificate at once. */
#define CP_IDENTITY_BACKDATED_US (INT64_C(3600) * 1000 * 1000)
#define CP_IDENTITY_LIFE_US (INT64_C(24) * 3600 * 1000 * 1000)

/* Makes the authority when there is none. */
enum cc_error cp_authority_ensure(struct cp_context *context) CC_MUST_CHECK;

/* Makes the folder and, unless it holds a certificate of this identity that is not due, a new one.
 */
enum cc_error cp_identity_ensure(struct cp_context *context, const char *folder,
                                 const char *identity) CC_MUST_CHECK;

struct cp_identity {
    const char *name; /* "edge-1", "serve-1", "operator", "se-1/worker-1" */
    const char *folder;
    const char *role; /* whose it has to be, by the folder; NULL: nobody's that we know */
    bool readable;    /* facts hold what identity.pem says */
    struct cc_certificate_facts facts;
};
/* All folders there are, in order of name within each kind. */
enum cc_error cp_identities(struct cp_context *context, struct cp_identity **out,
                            size_t *count) CC_MUST_CHECK;
/* It names another program than the folder is for. */
bool cp_identity_is_foreign(const struct cp_identity *identity);
/* Past half of its life, unreadable or foreign. */
bool cp_identity_is_due(const struct cp_identity *identity, int64_t now_us);

enum cp_renewal { CP_RENEW_DUE, CP_RENEW_ALL, CP_RENEW_NAMED };
/* name: for CP_RENEW_NAMED. */
bool cp_identity_is_wanted(const struct cp_identity *identity, enum cp_renewal which,
                           const char *name);

/* Goes on after one that cannot be renewed, and then returns its error. name: for CP_RENEW_NAMED,
 * CC_NOT_FOUND when there is none. Harmless when two do it at once. */
enum cc_error cp_identities_renew(struct cp_context *context, enum cp_renewal which,
                                  const char *name, size_t *renewed) CC_MUST_CHECK;

/* Into the registry: fact certificate_expires_at of each program, and the earliest of each cell. */
enum cc_error cp_identities_record(struct cp_context *context) CC_MUST_CHECK;

/* The duty of the leading serve: renews what is due and records all. */
enum cc_error cp_certificates_duty(struct cp_context *context) CC_MUST_CHECK;

#endif
