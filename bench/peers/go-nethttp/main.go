// The same decision with Go's net/http: what bench/peers/README.md says all of them do.
package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"
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

func answerTo(pool *redis.Pool, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 65536))
	var e event
	if err != nil || json.Unmarshal(body, &e) != nil || e.Call.To.E164 == "" {
		http.Error(w, `{"status":400}`, http.StatusBadRequest)
		return
	}
	connection := pool.Get()
	text, err := redis.Bytes(connection.Do("GET", "bench:"+e.Call.To.E164))
	connection.Close()
	var p plan
	if err != nil || json.Unmarshal(text, &p) != nil {
		http.Error(w, `{"status":503}`, http.StatusServiceUnavailable)
		return
	}
	sum := md5.Sum([]byte(e.EventID))
	out, err := json.Marshal(answer{hex.EncodeToString(sum[:]), nil, nil, []action{decide(p, e.Call.To.E164)}, []action{}})
	if err != nil {
		http.Error(w, `{"status":500}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("content-type", "application/json")
	w.Write(out)
}

func main() {
	redisAddress := "127.0.0.1:" + os.Args[2]
	pool := &redis.Pool{MaxIdle: 64, Dial: func() (redis.Conn, error) {
		return redis.Dial("tcp", redisAddress, redis.DialReadTimeout(30*time.Millisecond))
	}}
	handler := func(w http.ResponseWriter, r *http.Request) { answerTo(pool, w, r) }
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(handler)))
}
