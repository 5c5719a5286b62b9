"""Everything that can be set, from the environment (README has the table)."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

KVMWEB_DATA_DIR = Path(env.str("KVMWEB_DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
KVMWEB_RUN_DIR = Path(env.str("KVMWEB_RUN_DIR", default=str(KVMWEB_DATA_DIR / "run")))
KVMWEB_BIND = env.str("KVMWEB_BIND", default="127.0.0.1")
KVMWEB_PORT = env.int("KVMWEB_PORT", default=9090)
KVMWEB_ORIGINS = env.list("KVMWEB_ORIGINS", default=[])
KVMWEB_URL_PREFIX = "/".join(
    ["", *filter(None, env.str("KVMWEB_URL_PREFIX", default="").split("/"))]
)
KVMWEB_TRUSTED_PROXIES = env.list("KVMWEB_TRUSTED_PROXIES", default=[])
KVMWEB_EMBEDDED_HUB = env.bool("KVMWEB_EMBEDDED_HUB", default="REDIS_URL" not in os.environ)
"""The hub runs in the web process's lifespan; off in the scaled form (`manage.py hub`)."""
KVMWEB_LOCAL_URI = env.str("KVMWEB_LOCAL_URI", default="qemu:///system")
"""Where the first host is looked for while none was ever added; empty: nowhere."""
KVMWEB_CONSOLE_GATEWAY = env.str("KVMWEB_CONSOLE_GATEWAY", default="").rstrip("/")
"""Where browsers reach `manage.py consolegateway` (wss://host:port); empty: this process itself."""
KVMWEB_FETCH_INNER = env.list("KVMWEB_FETCH_INNER", default=[])
"""Networks of inner addresses that images may be fetched from, such as 10.1.0.0/16."""
KVMWEB_VERSIONS_DAYS = env.int("KVMWEB_VERSIONS_DAYS", default=90)
"""How long definitions of a guest that is gone are kept; 0: for ever."""
KVMWEB_FREEZE_S = env.int("KVMWEB_FREEZE_S", default=60)
"""How long file systems of a guest stay frozen before they are thawed by themselves."""
KVMWEB_RECONCILE_S = env.int("KVMWEB_RECONCILE_S", default=20)
KVMWEB_BIN_DAYS = env.int("KVMWEB_BIN_DAYS", default=7)
"""For how long deleted guests can be brought back, unless that is set in the portal."""
KVMWEB_NETWORK_BACK_S = min(600, max(2, env.int("KVMWEB_NETWORK_BACK_S", default=60)))
"""A change of a host's own network that nobody keeps within so many seconds is taken back."""
KVMWEB_START_LIBVIRT = env.bool("KVMWEB_START_LIBVIRT", default=True)
"""`manage.py serve` starts libvirt's daemons where no service manager does."""

DEBUG = False
TESTING = "PYTEST_VERSION" in os.environ


def _secret_key() -> str:
    """The key in the data folder, made at first use, readable by the owner only."""
    path = KVMWEB_DATA_DIR / "secret-key"
    if not path.exists():
        KVMWEB_DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR
            )
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(64))
    return path.read_text().strip()


SECRET_KEY = env.str("KVMWEB_SECRET_KEY", default="") or _secret_key()

ROOT_URLCONF = "kvmweb.urls"
ASGI_APPLICATION = "kvmweb.asgi.application"
FORCE_SCRIPT_NAME = KVMWEB_URL_PREFIX or None
AUTH_USER_MODEL = "store.Person"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS: list[str] = []

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "csp",
    "django_htmx",
    "kvmweb",  # before django_tasks_db: its command `db_worker` stands in for that one's
    "django_tasks",
    "django_tasks_db",
    "template_partials",
    "kvmweb.store",
    "kvmweb.inventory",
    "kvmweb.ui",
]

MIDDLEWARE = [
    "kvmweb.web.middleware.ProxyHeaders",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kvmweb.web.middleware.CleanAddress",
    "allauth.account.middleware.AccountMiddleware",
    "kvmweb.web.middleware.SignedIn",
    "kvmweb.web.middleware.Problems",
]

FORM_RENDERER = "kvmweb.web.form_drawing.Renderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "kvmweb.web.context.shell",
            ],
        },
    },
]

DATABASE_URL = env.str("DATABASE_URL", default="")
if DATABASE_URL:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": 20, "timeout": 5},
        "options": "-c lock_timeout=4s",
    }
else:
    # WAL and IMMEDIATE only help together: 0 lock errors against thousands with either alone.
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": KVMWEB_DATA_DIR / "kvmweb.sqlite3",
            "CONN_MAX_AGE": None,  # a file never goes stale; opening it takes longer than a query
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
            },
            "TEST": {"NAME": str(KVMWEB_DATA_DIR / "test.sqlite3")},
        }
    }

REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "kvmweb.store.shared_cache.SharedCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        }
    }
    CACHES["door"] = CACHES["default"]
else:
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 2000}}
    }
    # Attempts to sign in are counted apart: pictures of guests would push the counts out.
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "door": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "door",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        },
    }

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "kvmweb_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = f"{KVMWEB_URL_PREFIX}/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = KVMWEB_DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# `serve` collects and packs the files at each start: 0.7 s the first time, 0.3 s after that.
WHITENOISE_USE_FINDERS = TESTING
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600
KVMWEB_VENDOR = (
    {
        name: f"vendor/{name}/{version}"
        for name, version in json.loads((BASE_DIR / "package.json").read_text())[
            "dependencies"
        ].items()
    }
    if (BASE_DIR / "package.json").exists()
    else {}
)

# Sign-in -------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "kvmweb.access.passwords.UnlikeThePerson"},
    {
        "NAME": "kvmweb.access.passwords.LongEnough",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
# Sign-in and sessions are ours; of allauth it is the second factor that is used.
ACCOUNT_ADAPTER = "kvmweb.web.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "kvmweb"
KVMWEB_IDLE_S = env.int("KVMWEB_IDLE_S", default=30 * 60)
KVMWEB_ABSOLUTE_S = env.int("KVMWEB_ABSOLUTE_S", default=12 * 3600)
SESSION_COOKIE_AGE = KVMWEB_ABSOLUTE_S
SESSION_COOKIE_NAME = "kvmweb_session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = f"{KVMWEB_URL_PREFIX}/"
CSRF_COOKIE_PATH = f"{KVMWEB_URL_PREFIX}/"
CSRF_COOKIE_NAME = "kvmweb_csrf"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1100
"""A press on 1,000 guests names each, and has a few fields beside them."""

# Transport -----------------------------------------------------------------------------------
KVMWEB_PLAIN_HTTP = env.bool("KVMWEB_PLAIN_HTTP", default=False)
"""Only for loopback listeners behind a proxy that speaks TLS, and for tests."""
ALLOWED_HOSTS = env.list("KVMWEB_ALLOWED_HOSTS", default=["*"])
CSRF_TRUSTED_ORIGINS = list(KVMWEB_ORIGINS)
SESSION_COOKIE_SECURE = not KVMWEB_PLAIN_HTTP or any(
    origin.startswith("https://") for origin in KVMWEB_ORIGINS
)
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, *filter(None, [KVMWEB_CONSOLE_GATEWAY])],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LOG_LEVEL = env.str("KVMWEB_LOG_LEVEL", default="INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "kvmweb.core.log_lines.Lines",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"kvmweb": {"level": LOG_LEVEL}},
}
