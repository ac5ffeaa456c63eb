// The same decision with fasthttp: what bench/peers/README.md says all of them do.
package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/valyala/fasthttp"
)

type event struct {
	EventID string `json:"event_id"`
	Call    struct {
		To struct {
			E164 string `json:"e164"`
		} `json:"to"`
	} `json:"call"`
}

type plan struct {
	Barring       string `json:"barring"`
	ForwardAlways string `json:"forward_always"`
}

type target struct {
	E164 string `json:"e164"`
}

type connect struct {
	Targets  []target `json:"targets"`
	Strategy string   `json:"strategy"`
	TimeoutS int      `json:"timeout_s"`
}

type reject struct {
	SIPCode int    `json:"sip_code"`
	Q850    int    `json:"q850"`
	Reason  string `json:"reason"`
}

type action struct {
	Connect *connect `json:"connect,omitempty"`
	Reject  *reject  `json:"reject,omitempty"`
}

type answer struct {
	DecisionID string    `json:"decision_id"`
	Flow       *struct{} `json:"flow"`
	State      *string   `json:"state"`
	Actions    []action  `json:"actions"`
	OnTimeout  []action  `json:"on_timeout"`
}

func decide(p plan, number string) action {
	if p.Barring == "all" || p.Barring == "incoming" {
		return action{Reject: &reject{603, 21, "barred"}}
	}
	if p.ForwardAlways != "" {
		number = p.ForwardAlways
	}
	return action{Connect: &connect{[]target{{number}}, "simultaneous", 30}}
}

func answerTo(pool *redis.Pool, ctx *fasthttp.RequestCtx) {
	var e event
	if json.Unmarshal(ctx.PostBody(), &e) != nil || e.Call.To.E164 == "" {
		ctx.Error(`{"status":400}`, fasthttp.StatusBadRequest)
		return
	}
	connection := pool.Get()
	text, err := redis.Bytes(connection.Do("GET", "bench:"+e.Call.To.E164))
	connection.Close()
	var p plan
	if err != nil || json.Unmarshal(text, &p) != nil {
		ctx.Error(`{"status":503}`, fasthttp.StatusServiceUnavailable)
		return
	}
	sum := md5.Sum([]byte(e.EventID))
	out, err := json.Marshal(answer{hex.EncodeToString(sum[:]), nil, nil, []action{decide(p, e.Call.To.E164)}, []action{}})
	if err != nil {
		ctx.Error(`{"status":500}`, fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(out)
}

func main() {
	redisAddress := "127.0.0.1:" + os.Args[2]
	pool := &redis.Pool{MaxIdle: 64, Dial: func() (redis.Conn, error) {
		return redis.Dial("tcp", redisAddress, redis.DialReadTimeout(30*time.Millisecond))
	}}
	handler := func(ctx *fasthttp.RequestCtx) { answerTo(pool, ctx) }
	log.Fatal(fasthttp.ListenAndServe("127.0.0.1:"+os.Args[1], handler))
}
